//! Long products by MULX, ADCX and ADOX: two chains of carries in turns, which no compiler makes by
//! itself, and in blocks of eight limbs by eight, whose sums stay in registers.
//!
//! What is left of secrets on the stack is the caller's to erase.

use std::arch::asm;

/// Limbs of a block. Numbers are whole blocks.
const LEN: usize = 8;

type Block = [u64; LEN];

/// `t = a b`, for a `t` as long as both together.
///
/// # Safety
/// The processor must have BMI2 and ADX.
pub(super) unsafe fn product<const N: usize>(t: &mut [u64], a: &[u64; N], b: &[u64; N]) {
    debug_assert_eq!(t.len(), 2 * N);
    t.fill(0);
    for (i, b) in blocks(b).iter().enumerate() {
        // SAFETY: as this function's. There is nothing to be carried on: all rows up to this one
        // are a product that ends here.
        unsafe { add_row(t, i, blocks(a), b, Extra::default()) };
    }
}

/// `t = a a`: each pair of blocks once, twice that, and the squares of the blocks.
///
/// # Safety
/// The processor must have BMI2 and ADX.
pub(super) unsafe fn square<const N: usize>(t: &mut [u64], a: &[u64; N]) {
    debug_assert_eq!(t.len(), 2 * N);
    t.fill(0);
    let (mut rest, mut i) = (blocks(a), 0);
    while let [b, above @ ..] = rest {
        // SAFETY: as this function's. Nothing is to be carried on, as above.
        unsafe { add_row(t, 2 * i + 1, above, b, Extra::default()) };
        (rest, i) = (above, i + 1);
    }
    let mut shifted_out = 0;
    for limb in t.iter_mut() {
        (*limb, shifted_out) = ((*limb << 1) | shifted_out, *limb >> 63);
    }
    let mut carry = 0;
    for (i, block) in blocks(a).iter().enumerate() {
        let extra = Extra {
            carry,
            ..Extra::default()
        };
        // SAFETY: as this function's.
        carry = unsafe { add_row(t, 2 * i, std::slice::from_ref(block), block, extra) };
    }
}

/// Adds to `t`, of `2 N` limbs, the multiple of `n` that makes its lower half zero, and what is
/// there then is of no meaning; what is carried out. `n0` is `-1 / n` modulo 2^64.
///
/// # Safety
/// The processor must have BMI2 and ADX.
pub(super) unsafe fn clear_low<const N: usize>(t: &mut [u64], n: &[u64; N], n0: u64) -> bool {
    debug_assert_eq!(t.len(), 2 * N);
    let mut top = 0;
    if let [lowest, rest @ ..] = blocks(n) {
        for i in 0..N / LEN {
            let mut extra = Extra {
                top,
                ..Extra::default()
            };
            let mut m = [0; LEN];
            // SAFETY: as this function's.
            unsafe {
                if let Some(t) = t.as_chunks().0.get(i) {
                    extra.block = clear_eight(*t, lowest, n0, &mut m);
                }
                top = add_row(t, i + 1, rest, &m, extra);
            }
        }
    }
    top != 0
}

fn blocks<const N: usize>(number: &[u64; N]) -> &[Block] {
    const { assert!(N.is_multiple_of(LEN), "whole blocks") };
    number.as_chunks().0
}

/// What else is to be added to a row: a block and a carry at its first place, and a carry at its
/// last.
#[derive(Default)]
struct Extra {
    block: Block,
    carry: u64,
    top: u64,
}

/// Adds `a b` to `t` from its block `i` on, and the extra; what is carried out of the block after
/// those of `a`, 0 or 1.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
unsafe fn add_row(t: &mut [u64], i: usize, a: &[Block], b: &Block, extra: Extra) -> u64 {
    let Extra {
        mut block,
        mut carry,
        top,
    } = extra;
    let mut t = t.as_chunks_mut().0.iter_mut().skip(i);
    for (a, t) in a.iter().zip(t.by_ref()) {
        // SAFETY: as this function's.
        carry = unsafe { add_eight_by_eight(t, a, b, &mut block, carry) };
    }
    carry += top;
    for (t, limb) in t.next().into_iter().flatten().zip(block) {
        let (sum, over) = t.overflowing_add(limb);
        let (sum, over_again) = sum.overflowing_add(carry);
        (*t, carry) = (sum, u64::from(over) + u64::from(over_again));
    }
    carry
}

/// A row of eight limbs, in the registers `$r0` to `$r7`, and the multiplier in RDX: the lowest
/// limb of the sum is left to `$store`, and its register has the highest one then.
#[rustfmt::skip]
macro_rules! row {
    (
        $store:expr,
        $r0:literal, $r1:literal, $r2:literal, $r3:literal,
        $r4:literal, $r5:literal, $r6:literal, $r7:literal
    ) => {
        concat!(
            "xor eax, eax\n", // and no carry in either chain
            "mulx rcx, rax, [rsi]\n      adcx ", $r0, ", rax\n adox ", $r1, ", rcx\n",
            "mulx rcx, rax, [rsi + 8]\n  adcx ", $r1, ", rax\n adox ", $r2, ", rcx\n",
            "mulx rcx, rax, [rsi + 16]\n adcx ", $r2, ", rax\n adox ", $r3, ", rcx\n",
            "mulx rcx, rax, [rsi + 24]\n adcx ", $r3, ", rax\n adox ", $r4, ", rcx\n",
            "mulx rcx, rax, [rsi + 32]\n adcx ", $r4, ", rax\n adox ", $r5, ", rcx\n",
            "mulx rcx, rax, [rsi + 40]\n adcx ", $r5, ", rax\n adox ", $r6, ", rcx\n",
            "mulx rcx, rax, [rsi + 48]\n adcx ", $r6, ", rax\n adox ", $r7, ", rcx\n",
            "mulx rcx, rax, [rsi + 56]\n adcx ", $r7, ", rax\n",
            $store,
            // The product of a limb has room for both carries.
            "mov ", $r0, ", 0\n adox ", $r0, ", rcx\n mov eax, 0\n adcx ", $r0, ", rax\n",
        )
    };
}

/// Eight rows, whose registers change places: `$before` has the multiplier of each loaded, and
/// `$after` may store its lowest limb, both for the bytes at which its limb is.
#[rustfmt::skip]
macro_rules! rows {
    ($before:ident, $after:ident) => {
        concat!(
            $before!("0", "r8"),
            row!($after!("0", "r8"), "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
            $before!("8", "r9"),
            row!($after!("8", "r9"), "r9", "r10", "r11", "r12", "r13", "r14", "r15", "r8"),
            $before!("16", "r10"),
            row!($after!("16", "r10"), "r10", "r11", "r12", "r13", "r14", "r15", "r8", "r9"),
            $before!("24", "r11"),
            row!($after!("24", "r11"), "r11", "r12", "r13", "r14", "r15", "r8", "r9", "r10"),
            $before!("32", "r12"),
            row!($after!("32", "r12"), "r12", "r13", "r14", "r15", "r8", "r9", "r10", "r11"),
            $before!("40", "r13"),
            row!($after!("40", "r13"), "r13", "r14", "r15", "r8", "r9", "r10", "r11", "r12"),
            $before!("48", "r14"),
            row!($after!("48", "r14"), "r14", "r15", "r8", "r9", "r10", "r11", "r12", "r13"),
            $before!("56", "r15"),
            row!($after!("56", "r15"), "r15", "r8", "r9", "r10", "r11", "r12", "r13", "r14"),
        )
    };
}

/// A limb of `b`, whose address is on the stack.
macro_rules! limb_of_b {
    ($at:literal, $lowest:literal) => {
        concat!("mov rdx, [rsp]\n mov rdx, [rdx + ", $at, "]\n")
    };
}

macro_rules! store {
    ($at:literal, $lowest:literal) => {
        concat!("mov [rdi + ", $at, "], ", $lowest, "\n")
    };
}

/// The limb of `m` that makes the lowest one zero, by `n0` on the stack.
macro_rules! limb_of_m {
    ($at:literal, $lowest:literal) => {
        concat!(
            "mov rdx, ",
            $lowest,
            "\n imul rdx, [rsp]\n mov [rdi + ",
            $at,
            "], rdx\n"
        )
    };
}

macro_rules! nothing {
    ($at:literal, $lowest:literal) => {
        ""
    };
}

/// `t + a b + above + carry`: its lower half in `t`, its upper one in `above`, and what is carried
/// from `t` and `above` into that, which is not added yet.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
unsafe fn add_eight_by_eight(
    t: &mut Block,
    a: &Block,
    b: &Block,
    above: &mut Block,
    mut carry: u64,
) -> u64 {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = above;
    // SAFETY: eight limbs are read behind `a` and `b`, and read and written behind `t`; the
    // instructions are there; what is pushed is taken off again.
    unsafe {
        asm!(
            "neg rax", // the carry
            "adc r8, [rdi]",
            "adc r9, [rdi + 8]",
            "adc r10, [rdi + 16]",
            "adc r11, [rdi + 24]",
            "adc r12, [rdi + 32]",
            "adc r13, [rdi + 40]",
            "adc r14, [rdi + 48]",
            "adc r15, [rdi + 56]",
            "mov eax, 0",
            "adc eax, 0",
            "push rax",
            "push rdx",
            rows!(limb_of_b, store),
            "pop rdx",
            "pop rax",
            in("rsi") a.as_ptr(),
            in("rdi") t.as_mut_ptr(),
            inout("rdx") b.as_ptr() => _,
            inout("rax") carry,
            out("rcx") _,
            inout("r8") *s0,
            inout("r9") *s1,
            inout("r10") *s2,
            inout("r11") *s3,
            inout("r12") *s4,
            inout("r13") *s5,
            inout("r14") *s6,
            inout("r15") *s7,
        );
    }
    carry
}

/// The `m` for which `t + m n` ends in eight zeros, and what that is above them.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
unsafe fn clear_eight(t: Block, n: &Block, n0: u64, m: &mut Block) -> Block {
    let [
        mut s0,
        mut s1,
        mut s2,
        mut s3,
        mut s4,
        mut s5,
        mut s6,
        mut s7,
    ] = t;
    // SAFETY: eight limbs are read behind `n` and written behind `m`; the instructions are there;
    // what is pushed is taken off again.
    unsafe {
        asm!(
            "push rdx",
            rows!(limb_of_m, nothing),
            "pop rdx",
            in("rsi") n.as_ptr(),
            in("rdi") m.as_mut_ptr(),
            inout("rdx") n0 => _,
            out("rax") _,
            out("rcx") _,
            inout("r8") s0,
            inout("r9") s1,
            inout("r10") s2,
            inout("r11") s3,
            inout("r12") s4,
            inout("r13") s5,
            inout("r14") s6,
            inout("r15") s7,
        );
    }
    [s0, s1, s2, s3, s4, s5, s6, s7]
}
