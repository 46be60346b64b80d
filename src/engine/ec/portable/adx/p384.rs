//! The prime of P-384, in Montgomery's form. Its rows have six limbs.

use std::arch::asm;

/// `R` less the prime: `2^128 + 2^96 - 2^32 + 1`.
pub(super) const BELOW_R: [u64; 6] = [0xFFFF_FFFF_0000_0001, 0xFFFF_FFFF, 1, 0, 0, 0];

/// A row of six limbs: `$t0` to `$t5` and RDX times the limbs behind RSI, `$t6` with what is above,
/// and `$t7`, which is new, with what is carried out of that. RAX and RCX are used up.
#[rustfmt::skip]
macro_rules! row {
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
macro_rules! reduce {
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
pub(super) unsafe fn multiply(a: &[u64; 6], b: &[u64; 6]) -> [u64; 6] {
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
            reduce!("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
            "mov rdx, [rdi + 8]",
            row!("r9", "r10", "r11", "r12", "r13", "r14", "r15", "r8"),
            reduce!("r9", "r10", "r11", "r12", "r13", "r14", "r15", "r8"),
            "mov rdx, [rdi + 16]",
            row!("r10", "r11", "r12", "r13", "r14", "r15", "r8", "r9"),
            reduce!("r10", "r11", "r12", "r13", "r14", "r15", "r8", "r9"),
            "mov rdx, [rdi + 24]",
            row!("r11", "r12", "r13", "r14", "r15", "r8", "r9", "r10"),
            reduce!("r11", "r12", "r13", "r14", "r15", "r8", "r9", "r10"),
            "mov rdx, [rdi + 32]",
            row!("r12", "r13", "r14", "r15", "r8", "r9", "r10", "r11"),
            reduce!("r12", "r13", "r14", "r15", "r8", "r9", "r10", "r11"),
            "mov rdx, [rdi + 40]",
            row!("r13", "r14", "r15", "r8", "r9", "r10", "r11", "r12"),
            reduce!("r13", "r14", "r15", "r8", "r9", "r10", "r11", "r12"),
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
            inout("rax") BELOW_R[0] => _,
            inout("rcx") BELOW_R[1] => _,
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
