//! Rows of a product by MULX, ADCX and ADOX: two chains of carries in turns, which no compiler
//! makes by itself.

use std::arch::asm;

/// Two limbs of a row, at these bytes: what is carried changes places with `other`.
#[rustfmt::skip]
macro_rules! two_limbs {
    ($first:literal, $second:literal) => {
        concat!(
            "mulx {other}, {low}, [{a} + ", $first, "]\n",
            "adcx {low}, {carry}\n",
            "adox {low}, [{t} + ", $first, "]\n",
            "mov [{t} + ", $first, "], {low}\n",
            "mulx {carry}, {low}, [{a} + ", $second, "]\n",
            "adcx {low}, {other}\n",
            "adox {low}, [{t} + ", $second, "]\n",
            "mov [{t} + ", $second, "], {low}",
        )
    };
}

macro_rules! row {
    ($name:ident, $limbs:literal, $(($first:literal, $second:literal)),*) => {
        /// `t += a b + carry`; what is carried out.
        ///
        /// # Safety
        /// The processor must have BMI2 and ADX.
        #[inline(always)]
        pub(super) unsafe fn $name(
            t: &mut [u64; $limbs],
            a: &[u64; $limbs],
            b: u64,
            mut carry: u64,
        ) -> u64 {
            // SAFETY: as many limbs are read behind `a`, and read and written behind `t`, as
            // there are; the instructions are there.
            unsafe {
                asm!(
                    "xor {zero:e}, {zero:e}", // and no carry in either chain
                    $(two_limbs!($first, $second),)*
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
    };
}

row!(add_eight, 8, (0, 8), (16, 24), (32, 40), (48, 56));
#[rustfmt::skip]
row!(
    add_sixteen, 16,
    (0, 8), (16, 24), (32, 40), (48, 56), (64, 72), (80, 88), (96, 104), (112, 120)
);
