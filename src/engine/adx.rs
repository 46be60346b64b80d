//! Rows of a product by MULX, ADCX and ADOX: two chains of carries in turns, which no compiler
//! makes by itself.

use std::arch::asm;

/// `t += a b + carry`; what is carried out.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
pub(super) unsafe fn add_eight(t: &mut [u64; 8], a: &[u64; 8], b: u64, mut carry: u64) -> u64 {
    // SAFETY: eight limbs are read behind `a`, and read and written behind `t`, as many as
    // there are; the instructions are there.
    unsafe {
        asm!(
            "xor {zero:e}, {zero:e}", // and no carry in either chain
            "mulx {other}, {low}, [{a}]",
            "adcx {low}, {carry}",
            "adox {low}, [{t}]",
            "mov [{t}], {low}",
            "mulx {carry}, {low}, [{a} + 8]",
            "adcx {low}, {other}",
            "adox {low}, [{t} + 8]",
            "mov [{t} + 8], {low}",
            "mulx {other}, {low}, [{a} + 16]",
            "adcx {low}, {carry}",
            "adox {low}, [{t} + 16]",
            "mov [{t} + 16], {low}",
            "mulx {carry}, {low}, [{a} + 24]",
            "adcx {low}, {other}",
            "adox {low}, [{t} + 24]",
            "mov [{t} + 24], {low}",
            "mulx {other}, {low}, [{a} + 32]",
            "adcx {low}, {carry}",
            "adox {low}, [{t} + 32]",
            "mov [{t} + 32], {low}",
            "mulx {carry}, {low}, [{a} + 40]",
            "adcx {low}, {other}",
            "adox {low}, [{t} + 40]",
            "mov [{t} + 40], {low}",
            "mulx {other}, {low}, [{a} + 48]",
            "adcx {low}, {carry}",
            "adox {low}, [{t} + 48]",
            "mov [{t} + 48], {low}",
            "mulx {carry}, {low}, [{a} + 56]",
            "adcx {low}, {other}",
            "adox {low}, [{t} + 56]",
            "mov [{t} + 56], {low}",
            // The product of two limbs has room for two carries.
            "adcx {carry}, {zero}",
            "adox {carry}, {zero}",
            zero = out(reg) _,
            low = out(reg) _,
            other = out(reg) _,
            carry = inout(reg) carry,
            t = in(reg) t.as_mut_ptr(),
            a = in(reg) a.as_ptr(),
            in("rdx") b,
            options(nostack),
        );
    }
    carry
}
