//! The prime of P-256, in Montgomery's form.

use std::arch::asm;

/// `2^256 - 2^224 + 2^192 + 2^96 - 1`.
pub(super) const M: [u64; 4] = [u64::MAX, 0xFFFF_FFFF, 0, 0xFFFF_FFFF_0000_0001];

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
pub(super) unsafe fn multiply(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let (r0, r1, r2, r3);
    // SAFETY: four limbs are read behind `a` and `b`; the instructions are there; what is pushed is
    // taken off again.
    unsafe {
        asm!(
            "push rdx",
            first_row_of_four!(),
            reduce!("r8", "r9", "r10", "r11", "r12"),
            "mov rdx, [rdi + 8]",
            row_of_four!("r9", "r10", "r11", "r12", "r13", "r14"),
            "add r13, r8",
            "adc r14, 0",
            reduce!("r9", "r10", "r11", "r12", "r13"),
            "add r14, r9",
            "mov rdx, [rdi + 16]",
            row_of_four!("r10", "r11", "r12", "r13", "r8", "r15"),
            "add r14, r8",
            "adc r15, 0",
            reduce!("r10", "r11", "r12", "r13", "r14"),
            "add r15, r10",
            "mov rdx, [rdi + 24]",
            row_of_four!("r11", "r12", "r13", "r14", "r8", "r9"),
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
            inout("rdx") M[3] => _,
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
