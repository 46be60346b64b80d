//! Products modulo primes of four and six limbs by MULX, ADCX and ADOX: two chains of carries in
//! turns, which no compiler makes by itself, and all of a product in registers. There is no jump in
//! them, and no address that depends on a number.

use std::arch::asm;

use super::modulus::Modulus;
use crate::engine::cpu::has_adx;

type Number = [u64; 4];

/// The product of two numbers in the form, as [`field`](super::field) says; nothing unless the
/// processor has the instructions and the prime is one of the three.
#[inline(always)]
pub(super) fn multiply<M: Modulus<L>, const L: usize>(
    a: &[u64; L],
    b: &[u64; L],
) -> Option<[u64; L]> {
    let is_of_p256 = const { is(&M::M, &P256) };
    let is_of_p256k = const { is(&M::BELOW_R, &BELOW_P256K) };
    let is_of_p384 = const { is(&M::BELOW_R, &BELOW_P384) };
    if !(is_of_p256 || is_of_p256k || is_of_p384) || !has_adx() {
        return None;
    }
    let mut product = [0; L];
    // SAFETY: the processor has the instructions.
    unsafe {
        if is_of_p384 {
            let (to, a, b) = whole(&mut product, a, b)?;
            *to = montgomery_p384(a, b);
        } else {
            let (to, a, b) = whole(&mut product, a, b)?;
            *to = match is_of_p256k {
                true => crandall(a, b),
                false => montgomery_p256(a, b),
            };
        }
    }
    Some(product)
}

/// The square, as above.
#[inline(always)]
pub(super) fn square<M: Modulus<L>, const L: usize>(a: &[u64; L]) -> Option<[u64; L]> {
    if !const { is(&M::BELOW_R, &BELOW_P256K) } {
        return multiply::<M, L>(a, a);
    }
    let mut square = [0; L];
    let (to, a, _) = whole(&mut square, a, a)?;
    if !has_adx() {
        return None;
    }
    // SAFETY: the processor has the instructions.
    *to = unsafe { crandall_square(a) };
    Some(square)
}

/// These, if they have so many limbs.
#[inline(always)]
fn whole<'a, const L: usize, const N: usize>(
    to: &'a mut [u64; L],
    a: &'a [u64; L],
    b: &'a [u64; L],
) -> Option<(&'a mut [u64; N], &'a [u64; N], &'a [u64; N])> {
    let to = to.as_mut_slice().try_into().ok()?;
    Some((
        to,
        a.as_slice().try_into().ok()?,
        b.as_slice().try_into().ok()?,
    ))
}

/// `2^256 - 2^224 + 2^192 + 2^96 - 1`.
const P256: Number = [u64::MAX, 0xFFFF_FFFF, 0, 0xFFFF_FFFF_0000_0001];

/// `R` less the prime of secp256k1: 2^32 + 977.
const BELOW_P256K: Number = [0x1_0000_03D1, 0, 0, 0];

/// `R` less the prime of P-384: `2^128 + 2^96 - 2^32 + 1`.
const BELOW_P384: [u64; 6] = [0xFFFF_FFFF_0000_0001, 0xFFFF_FFFF, 1, 0, 0, 0];

const fn is<const L: usize>(number: &[u64; L], other: &[u64]) -> bool {
    let mut i = 0;
    while i < L && i < other.len() && number[i] == other[i] {
        i += 1;
    }
    i == L && i == other.len()
}

/// The sum of a row: the registers `$r0` to `$r3` and RDX times the limbs behind RSI, with a new
/// register above them. RAX and RCX are used up, and `$zero` is zero then.
#[rustfmt::skip]
macro_rules! row {
    ($r0:literal, $r1:literal, $r2:literal, $r3:literal, $above:literal, $zero:literal) => {
        concat!(
            "xor ", $zero, ", ", $zero, "\n", // and no carry in either chain
            "mulx rcx, rax, [rsi]\n      adcx ", $r0, ", rax\n adox ", $r1, ", rcx\n",
            "mulx rcx, rax, [rsi + 8]\n  adcx ", $r1, ", rax\n adox ", $r2, ", rcx\n",
            "mulx rcx, rax, [rsi + 16]\n adcx ", $r2, ", rax\n adox ", $r3, ", rcx\n",
            "mulx ", $above, ", rax, [rsi + 24]\n adcx ", $r3, ", rax\n",
            // The product of a limb has room for both carries.
            "adox ", $above, ", ", $zero, "\n adcx ", $above, ", ", $zero, "\n",
        )
    };
}

/// The first row, with nothing to add to.
macro_rules! first_row {
    () => {
        "mov rdx, [rdi]
        mulx r9, r8, [rsi]
        mulx r10, rax, [rsi + 8]
        add r9, rax
        mulx r11, rax, [rsi + 16]
        adc r10, rax
        mulx r12, rax, [rsi + 24]
        adc r11, rax
        adc r12, 0"
    };
}

/// Of a whole product in `r8` to `r15`, the upper half times `c` and added to the lower one, twice, as
/// in [`crandall`](super::crandall); below `R - c`. RAX, RCX, RDX and RDI are used up.
#[rustfmt::skip]
macro_rules! reduce_crandall {
    () => {
        concat!(
            "mov rdx, {c}\n",
            "xor edi, edi\n", // and no carry
            "mulx rcx, rax, r12\n adcx r8, rax\n  adox r9, rcx\n",
            "mulx rcx, rax, r13\n adcx r9, rax\n  adox r10, rcx\n",
            "mulx rcx, rax, r14\n adcx r10, rax\n adox r11, rcx\n",
            "mulx r12, rax, r15\n adcx r11, rax\n",
            "adox r12, rdi\n adcx r12, rdi\n",
            // What is above that, times c.
            "mulx rcx, rax, r12\n",
            "add r8, rax\n adc r9, rcx\n adc r10, 0\n adc r11, 0\n",
            // With c added, and without R, where it reaches R one way or the other.
            "sbb rax, rax\n",
            "mov r12, r8\n mov r13, r9\n mov r14, r10\n mov r15, r11\n",
            "add r12, rdx\n adc r13, 0\n adc r14, 0\n adc r15, 0\n",
            "sbb rax, 0\n",
            "cmovnz r8, r12\n cmovnz r9, r13\n cmovnz r10, r14\n cmovnz r11, r15\n",
        )
    };
}

/// `a b mod R - c`, below `R - c`, for any `a` and `b`.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
unsafe fn crandall(a: &Number, b: &Number) -> Number {
    let (r0, r1, r2, r3);
    // SAFETY: four limbs are read behind `a` and `b`; the instructions are there; what is pushed
    // is taken off again.
    unsafe {
        asm!(
            first_row!(),
            "mov rdx, [rdi + 8]",
            row!("r9", "r10", "r11", "r12", "r13", "r15"),
            "mov rdx, [rdi + 16]",
            row!("r10", "r11", "r12", "r13", "r14", "r15"),
            "mov rdx, [rdi + 24]",
            row!("r11", "r12", "r13", "r14", "r15", "rdi"),
            reduce_crandall!(),
            c = const BELOW_P256K[0],
            in("rsi") a.as_ptr(),
            inout("rdi") b.as_ptr() => _,
            out("rdx") _,
            out("rax") _,
            out("rcx") _,
            out("r8") r0,
            out("r9") r1,
            out("r10") r2,
            out("r11") r3,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// `a a mod R - c`, below `R - c`, for any `a`: each pair of limbs once, twice that, and the squares.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
unsafe fn crandall_square(a: &Number) -> Number {
    let (r0, r1, r2, r3);
    // SAFETY: four limbs are read behind `a`; the instructions are there.
    unsafe {
        asm!(
            "mov rdx, [rsi]",
            "mulx r10, r9, [rsi + 8]",
            "mulx r11, rax, [rsi + 16]",
            "add r10, rax",
            "mulx r12, rax, [rsi + 24]",
            "adc r11, rax",
            "adc r12, 0",
            "mov rdx, [rsi + 8]",
            "xor edi, edi", // and no carry in either chain
            "mulx rcx, rax, [rsi + 16]",
            "adcx r11, rax",
            "adox r12, rcx",
            "mulx r13, rax, [rsi + 24]",
            "adcx r12, rax",
            "adox r13, rdi",
            "adcx r13, rdi",
            "mov rdx, [rsi + 16]",
            "mulx r14, rax, [rsi + 24]",
            "add r13, rax",
            "adc r14, 0",
            "mov rdx, [rsi]",
            "xor edi, edi", // as above
            "mulx rcx, r8, rdx",
            "adcx r9, r9",
            "adox r9, rcx",
            "mov rdx, [rsi + 8]",
            "mulx rcx, rax, rdx",
            "adcx r10, r10",
            "adox r10, rax",
            "adcx r11, r11",
            "adox r11, rcx",
            "mov rdx, [rsi + 16]",
            "mulx rcx, rax, rdx",
            "adcx r12, r12",
            "adox r12, rax",
            "adcx r13, r13",
            "adox r13, rcx",
            "mov rdx, [rsi + 24]",
            "mulx r15, rax, rdx",
            "adcx r14, r14",
            "adox r14, rax",
            "adcx r15, rdi",
            "adox r15, rdi",
            reduce_crandall!(),
            c = const BELOW_P256K[0],
            in("rsi") a.as_ptr(),
            out("rdi") _,
            out("rdx") _,
            out("rax") _,
            out("rcx") _,
            out("r8") r0,
            out("r9") r1,
            out("r10") r2,
            out("r11") r3,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// A step of Montgomery's reduction modulo the prime of P-256, which is -1 modulo 2^64: `$r0` is
/// the `q` of which `q m` makes it zero. The limbs of `m + 1` are 0, 2^32, 0 and the one on the
/// stack; `q` times them is added to `$r1` to `$above`, and what is carried goes to `$r0`, which is
/// free. RAX and RCX are used up.
#[rustfmt::skip]
macro_rules! reduce {
    ($r0:literal, $r1:literal, $r2:literal, $r3:literal, $above:literal) => {
        concat!(
            "mov rdx, ", $r0, "\n mov rax, ", $r0, "\n",
            "shl rax, 32\n shr ", $r0, ", 32\n",
            "add ", $r1, ", rax\n adc ", $r2, ", ", $r0, "\n",
            "mulx rcx, rax, [rsp]\n",
            "adc ", $r3, ", rax\n adc ", $above, ", rcx\n",
            "mov ", $r0, ", 0\n adc ", $r0, ", 0\n",
        )
    };
}

/// `a b / R mod m`, below `m`, for the prime `m` of P-256, `b < m` and any `a`.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
unsafe fn montgomery_p256(a: &Number, b: &Number) -> Number {
    let (r0, r1, r2, r3);
    // SAFETY: as above.
    unsafe {
        asm!(
            "push rdx",
            first_row!(),
            reduce!("r8", "r9", "r10", "r11", "r12"),
            "mov rdx, [rdi + 8]",
            row!("r9", "r10", "r11", "r12", "r13", "r14"),
            "add r13, r8",
            "adc r14, 0",
            reduce!("r9", "r10", "r11", "r12", "r13"),
            "add r14, r9",
            "mov rdx, [rdi + 16]",
            row!("r10", "r11", "r12", "r13", "r8", "r15"),
            "add r14, r8",
            "adc r15, 0",
            reduce!("r10", "r11", "r12", "r13", "r14"),
            "add r15, r10",
            "mov rdx, [rdi + 24]",
            row!("r11", "r12", "r13", "r14", "r8", "r9"),
            "add r15, r8",
            "adc r9, 0",
            reduce!("r11", "r12", "r13", "r14", "r15"),
            "add r9, r11",
            // Less m, unless that borrows.
            "pop rdx",
            "mov r8, r12",
            "mov eax, 0xffffffff",
            "mov r10, r13",
            "mov r11, r14",
            "mov rcx, r15",
            "sub r8, -1",
            "sbb r10, rax",
            "sbb r11, 0",
            "sbb rcx, rdx",
            "sbb r9, 0",
            "cmovnc r12, r8",
            "cmovnc r13, r10",
            "cmovnc r14, r11",
            "cmovnc r15, rcx",
            in("rsi") a.as_ptr(),
            in("rdi") b.as_ptr(),
            inout("rdx") P256[3] => _,
            out("rax") _,
            out("rcx") _,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("r12") r0,
            out("r13") r1,
            out("r14") r2,
            out("r15") r3,
            options(pure, readonly),
        );
    }
    [r0, r1, r2, r3]
}

/// A row of six limbs: `$t0` to `$t5` and RDX times the limbs behind RSI, `$t6` with what is above,
/// and `$t7`, which is new, with what is carried out of that. RAX and RCX are used up.
#[rustfmt::skip]
macro_rules! row_of_six {
    ($t0:literal, $t1:literal, $t2:literal, $t3:literal, $t4:literal, $t5:literal, $t6:literal, $t7:literal) => {
        concat!(
            "xor eax, eax\n", // and no carry in either chain
            "mulx rcx, rax, [rsi]\n      adcx ", $t0, ", rax\n adox ", $t1, ", rcx\n",
            "mulx rcx, rax, [rsi + 8]\n  adcx ", $t1, ", rax\n adox ", $t2, ", rcx\n",
            "mulx rcx, rax, [rsi + 16]\n adcx ", $t2, ", rax\n adox ", $t3, ", rcx\n",
            "mulx rcx, rax, [rsi + 24]\n adcx ", $t3, ", rax\n adox ", $t4, ", rcx\n",
            "mulx rcx, rax, [rsi + 32]\n adcx ", $t4, ", rax\n adox ", $t5, ", rcx\n",
            "mulx rcx, rax, [rsi + 40]\n adcx ", $t5, ", rax\n adox ", $t6, ", rcx\n",
            "mov ", $t7, ", 0\n mov eax, 0\n",
            "adox ", $t7, ", rax\n adcx ", $t6, ", rax\n adcx ", $t7, ", rax\n",
        )
    };
}

/// A step of Montgomery's reduction modulo the prime of P-384. Its `q` is `2^32 + 1` times `$t0`;
/// `q R` is added, and `q (R - m)` taken away, of whose limbs two are on the stack and one is 1.
/// Where that borrows, `q` is not zero. `$t0` is free then. RAX, RCX and RDX are used up.
#[rustfmt::skip]
macro_rules! reduce_six {
    ($t0:literal, $t1:literal, $t2:literal, $t3:literal, $t4:literal, $t5:literal, $t6:literal, $t7:literal) => {
        concat!(
            "mov rdx, ", $t0, "\n shl rdx, 32\n add rdx, ", $t0, "\n",
            "mulx rcx, rax, [rsp]\n", // its lower half is what is in t0
            "mulx ", $t0, ", rax, [rsp + 8]\n",
            "add rcx, rax\n adc ", $t0, ", rdx\n mov eax, 0\n adc eax, 0\n",
            "sub ", $t1, ", rcx\n sbb ", $t2, ", ", $t0, "\n sbb ", $t3, ", rax\n",
            "sbb ", $t4, ", 0\n sbb ", $t5, ", 0\n sbb rdx, 0\n",
            "add ", $t6, ", rdx\n adc ", $t7, ", 0\n",
        )
    };
}

/// `a b / R mod m`, below `m`, for the prime `m` of P-384, `b < m` and any `a`.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
unsafe fn montgomery_p384(a: &[u64; 6], b: &[u64; 6]) -> [u64; 6] {
    let (r0, r1, r2, r3, r4, r5);
    // SAFETY: six limbs are read behind `a` and `b`; the instructions are there; what is pushed is
    // taken off again.
    unsafe {
        asm!(
            "push rcx",
            "push rax",
            "mov rdx, [rdi]",
            "mulx r9, r8, [rsi]",
            "mulx r10, rax, [rsi + 8]",
            "add r9, rax",
            "mulx r11, rax, [rsi + 16]",
            "adc r10, rax",
            "mulx r12, rax, [rsi + 24]",
            "adc r11, rax",
            "mulx r13, rax, [rsi + 32]",
            "adc r12, rax",
            "mulx r14, rax, [rsi + 40]",
            "adc r13, rax",
            "adc r14, 0",
            "mov r15d, 0",
            reduce_six!("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
            "mov rdx, [rdi + 8]",
            row_of_six!("r9", "r10", "r11", "r12", "r13", "r14", "r15", "r8"),
            reduce_six!("r9", "r10", "r11", "r12", "r13", "r14", "r15", "r8"),
            "mov rdx, [rdi + 16]",
            row_of_six!("r10", "r11", "r12", "r13", "r14", "r15", "r8", "r9"),
            reduce_six!("r10", "r11", "r12", "r13", "r14", "r15", "r8", "r9"),
            "mov rdx, [rdi + 24]",
            row_of_six!("r11", "r12", "r13", "r14", "r15", "r8", "r9", "r10"),
            reduce_six!("r11", "r12", "r13", "r14", "r15", "r8", "r9", "r10"),
            "mov rdx, [rdi + 32]",
            row_of_six!("r12", "r13", "r14", "r15", "r8", "r9", "r10", "r11"),
            reduce_six!("r12", "r13", "r14", "r15", "r8", "r9", "r10", "r11"),
            "mov rdx, [rdi + 40]",
            row_of_six!("r13", "r14", "r15", "r8", "r9", "r10", "r11", "r12"),
            reduce_six!("r13", "r14", "r15", "r8", "r9", "r10", "r11", "r12"),
            // With R - m added, and without R, where it reaches R one way or the other.
            "mov r13, r14",
            "mov rax, r15",
            "mov rcx, r8",
            "mov rdx, r9",
            "mov rsi, r10",
            "mov rdi, r11",
            "add r13, [rsp]",
            "adc rax, [rsp + 8]",
            "adc rcx, 1",
            "adc rdx, 0",
            "adc rsi, 0",
            "adc rdi, 0",
            "adc r12, 0",
            "cmovnz r14, r13",
            "cmovnz r15, rax",
            "cmovnz r8, rcx",
            "cmovnz r9, rdx",
            "cmovnz r10, rsi",
            "cmovnz r11, rdi",
            "lea rsp, [rsp + 16]",
            inout("rsi") a.as_ptr() => _,
            inout("rdi") b.as_ptr() => _,
            inout("rax") BELOW_P384[0] => _,
            inout("rcx") BELOW_P384[1] => _,
            out("rdx") _,
            out("r8") r2,
            out("r9") r3,
            out("r10") r4,
            out("r11") r5,
            out("r12") _,
            out("r13") _,
            out("r14") r0,
            out("r15") r1,
            options(pure, readonly),
        );
    }
    [r0, r1, r2, r3, r4, r5]
}

#[cfg(test)]
mod tests {
    use super::super::curve::{P256Field, P256KField, P384Field};
    use super::super::field::multiply_by_rows;
    use super::*;
    use crate::engine::limbs;

    /// Every number whose limbs are those of the primes, or all zeros or ones, or almost.
    fn edges<const L: usize, const N: usize>(
        limbs: [u64; N],
    ) -> impl Iterator<Item = [u64; L]> + Clone {
        let power = |exponent: usize| N.pow(exponent.try_into().unwrap());
        let limb = move |which: usize, at: usize| limbs[which / power(at) % N];
        (0..power(L)).map(move |which| std::array::from_fn(|at| limb(which, at)))
    }

    /// For any `a`, and any `b` below the modulus.
    fn agree<M: Modulus<L>, const L: usize, const N: usize>(limbs: [u64; N]) {
        let edges = edges(limbs);
        for b in edges.clone().filter(|b| limbs::less(b, &M::M) == 1) {
            for a in edges.clone() {
                let ours = multiply::<M, L>(&a, &b).unwrap();
                assert_eq!(ours, multiply_by_rows::<M, L>(&a, &b), "{a:x?} {b:x?}");
                assert_eq!(limbs::less(&ours, &M::M), 1, "{a:x?} {b:x?}");
            }
        }
    }

    /// For any number.
    fn squares_agree<M: Modulus<L>, const L: usize, const N: usize>(limbs: [u64; N]) {
        for a in edges(limbs) {
            let ours = square::<M, L>(&a).unwrap();
            assert_eq!(ours, multiply_by_rows::<M, L>(&a, &a), "{a:x?}");
        }
    }

    #[test]
    fn registers_give_what_rows_give() {
        if !has_adx() {
            println!("SKIPPED: no BMI2 and ADX, or switched off");
            return;
        }
        agree::<P256Field, 4, 5>([0, 1, u32::MAX.into(), P256Field::M[3], u64::MAX]);
        agree::<P256KField, 4, 4>([0, 1, P256KField::M[0], u64::MAX]);
        agree::<P384Field, 6, 3>([0, P384Field::M[0], u64::MAX]);
        agree::<P384Field, 6, 3>([1, P384Field::M[1], P384Field::M[2]]);
        agree::<P384Field, 6, 3>([0, P384Field::BELOW_R[0], u64::MAX - 1]);
        squares_agree::<P256KField, 4, 8>([
            0,
            1,
            u32::MAX.into(),
            1 << 32,
            1 << 63,
            P256KField::BELOW_R[0],
            P256KField::M[0],
            u64::MAX,
        ]);
        // secp256k1's takes any `b` as well.
        for low in [u64::MAX - 1, P256KField::M[0] + 1, P256KField::BELOW_R[0]] {
            let edges = edges::<4, 5>([0, 1, low, P256KField::M[0], u64::MAX]);
            for (a, b) in edges
                .clone()
                .flat_map(|a| edges.clone().map(move |b| (a, b)))
            {
                let ours = multiply::<P256KField, 4>(&a, &b).unwrap();
                let theirs = multiply_by_rows::<P256KField, 4>(&a, &b);
                assert_eq!(ours, theirs, "{a:x?} {b:x?}");
            }
        }
    }
}
