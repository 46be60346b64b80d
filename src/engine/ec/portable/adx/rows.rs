//! Rows of products of four limbs. Of what is multiplied one number is behind RSI, and the other
//! behind RDI, a limb of it in RDX.

/// The sum of a row: the registers `$r0` to `$r3` and RDX times the limbs behind RSI, with a new
/// register above them. RAX and RCX are used up, and `$zero` is zero then.
#[rustfmt::skip]
macro_rules! row_of_four {
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
macro_rules! first_row_of_four {
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
