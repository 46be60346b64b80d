//! What the compiler made of the kernels, read from this program's own instructions.
//!
//! In a kernel every secret is in a vector register. So it decides a branch or an address only
//! by way of a mask or a general register that was filled from one, and that is looked for:
//! the functions of the kernels are disassembled, and registers followed from one instruction
//! to the next. A value that was stored and loaded again is lost sight of; memcheck follows
//! those, in the build with emulated lanes.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

/// The instructions of this program, if there is what shows them.
pub(crate) fn disassembly() -> Option<String> {
    let program = env::current_exe().expect("the path of this program");
    let output = Command::new("objdump")
        .args([
            "--disassemble",
            "--demangle",
            "--no-show-raw-insn",
            "-M",
            "intel",
        ])
        .arg(program)
        .output()
        .ok()?;
    assert!(output.status.success(), "objdump fails");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What was looked at, and where a lane decides.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) functions: usize,
    pub(crate) branches: usize,
    /// Function and instruction.
    pub(crate) decided: Vec<(String, String)>,
}

/// Looks at the functions that are chosen by name.
pub(crate) fn search(disassembly: &str, is_chosen: impl Fn(&str) -> bool) -> Findings {
    let mut findings = Findings::default();
    let mut function: Option<String> = None;
    let mut known = Known::default();
    for line in disassembly.lines() {
        if let Some(name) = header(line) {
            function = is_chosen(name).then(|| name.to_owned());
            findings.functions += usize::from(function.is_some());
            known = Known::default();
            continue;
        }
        let Some(name) = &function else { continue };
        let Some((_, instruction)) = line.split_once(":\t") else {
            continue;
        };
        // What is filled up with before a label: it names an address and touches none.
        if instruction.split_whitespace().any(|word| word == "nop") {
            continue;
        }
        let (mnemonic, operands) = instruction.split_once(' ').unwrap_or((instruction, ""));
        let operands = operands.split(['#', '<']).next().unwrap_or_default().trim();
        findings.branches += usize::from(is_branch(mnemonic));
        if known.step(mnemonic, operands) {
            findings
                .decided
                .push((name.clone(), instruction.to_owned()));
        }
    }
    findings
}

/// `0000000000012340 <name>:`
fn header(line: &str) -> Option<&str> {
    let (address, name) = line.split_once(" <")?;
    let is_address = address.len() == 16 && address.bytes().all(|b| b.is_ascii_hexdigit());
    name.strip_suffix(">:").filter(|_| is_address)
}

fn is_branch(mnemonic: &str) -> bool {
    mnemonic.starts_with('j') && mnemonic != "jmp"
}

/// What holds something of a lane.
#[derive(Default)]
struct Known {
    registers: BTreeSet<String>,
    flags: bool,
}

impl Known {
    /// Follows one instruction; whether a lane decides where it jumps or what it touches.
    fn step(&mut self, mnemonic: &str, operands: &str) -> bool {
        if is_branch(mnemonic) {
            return self.flags;
        }
        let operands = split(operands);
        let touches = operands.iter().any(|operand| {
            let address = operand.split_once('[').map(|(_, address)| address);
            mnemonic != "lea" && address.is_some_and(|address| self.has_any(address))
        });
        let from = operands.iter().skip(1).any(|operand| self.has_any(operand));
        let first = operands.first().copied().unwrap_or_default();
        let to = general(first);
        match mnemonic {
            "call" => {
                // Of what it leaves, only what its caller may not rely on.
                *self = Known::default();
            }
            "cmp" | "test" | "bt" => self.flags = from || self.has_any(first),
            m if ["kortest", "ktest", "vptest", "vtestp", "ptest"]
                .iter()
                .any(|name| m.starts_with(name)) =>
            {
                self.flags = true;
            }
            m if is_from_lanes(m) && to.is_some() => self.set(to, true),
            "xor" | "sub" if operands.len() == 2 && operands.first() == operands.get(1) => {
                self.set(to, false);
                self.flags = false;
            }
            m if m.starts_with("set") || m.starts_with("cmov") => {
                let was = m.starts_with("cmov") && self.has_any(first);
                self.set(to, self.flags || from || was);
            }
            m if m.starts_with("mov") || m == "lea" || m == "pop" => self.set(to, from),
            m if m.starts_with('v') || m.starts_with('k') || m == "push" => {}
            // Arithmetic, with the first operand as a source too. Those of BMI2 and ADX that
            // leave the flags alone are taken for the others.
            _ => {
                let all = from || self.has_any(first);
                self.set(to, all);
                self.flags = all;
            }
        }
        touches
    }

    fn set(&mut self, register: Option<String>, known: bool) {
        let Some(register) = register else { return };
        if known {
            self.registers.insert(register);
        } else {
            self.registers.remove(&register);
        }
    }

    fn has_any(&self, operand: &str) -> bool {
        let words = operand.split(|c: char| !c.is_ascii_alphanumeric());
        words
            .filter_map(general)
            .any(|register| self.registers.contains(&register))
    }
}

/// From a mask or a vector to a general register, where that is the first operand.
fn is_from_lanes(mnemonic: &str) -> bool {
    [
        "kmov",
        "vmovd",
        "vmovq",
        "vpextr",
        "vmovmskp",
        "vpmovmskb",
        "pmovmskb",
        "vcvttsd2si",
    ]
    .iter()
    .any(|name| mnemonic.starts_with(name))
}

/// At the commas that are not inside brackets.
fn split(operands: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let mut at = |c: char| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    };
    let parts = operands.split(&mut at).map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

/// The 64-bit register that this is or is part of.
fn general(name: &str) -> Option<String> {
    const NAMED: [&str; 8] = ["ax", "bx", "cx", "dx", "si", "di", "bp", "sp"];
    let name = name.trim();
    if let Some(number) = name.strip_prefix('r') {
        let digits = number.trim_end_matches(['d', 'w', 'b']);
        if digits
            .parse::<u8>()
            .is_ok_and(|number| (8..16).contains(&number))
        {
            return Some(format!("r{digits}"));
        }
    }
    let short = name.strip_prefix(['r', 'e']).unwrap_or(name);
    let short = match short {
        "al" | "ah" => "ax",
        "bl" | "bh" => "bx",
        "cl" | "ch" => "cx",
        "dl" | "dh" => "dx",
        "sil" => "si",
        "dil" => "di",
        other => other,
    };
    NAMED.contains(&short).then(|| format!("r{short}"))
}
