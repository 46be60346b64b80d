//! The prime of secp256k1, `R - c`.

use std::arch::asm;

/// `c`, which is `2^32 + 977`.
pub(super) const BELOW_R: [u64; 4] = [0x1_0000_03D1, 0, 0, 0];

/// Of a whole product in `r8` to `r15`, the upper half times `c` and added to the lower one, twice, as
/// in [`crandall`](super::super::crandall); below `R - c`. RAX, RCX, RDX and RDI are used up.
#[rustfmt::skip]
macro_rules! reduce {
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
pub(super) unsafe fn multiply(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let (r0, r1, r2, r3);
    // SAFETY: four limbs are read behind `a` and `b`; the instructions are there.
    unsafe {
        asm!(
            first_row_of_four!(),
            "mov rdx, [rdi + 8]",
            row_of_four!("r9", "r10", "r11", "r12", "r13", "r15"),
            "mov rdx, [rdi + 16]",
            row_of_four!("r10", "r11", "r12", "r13", "r14", "r15"),
            "mov rdx, [rdi + 24]",
            row_of_four!("r11", "r12", "r13", "r14", "r15", "rdi"),
            reduce!(),
            c = const BELOW_R[0],
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
pub(super) unsafe fn square(a: &[u64; 4]) -> [u64; 4] {
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
            reduce!(),
            c = const BELOW_R[0],
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
