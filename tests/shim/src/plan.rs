//! The plan: which calls meet which fault. README.md has its language.

use std::time::Duration;

use cryptoki_sys::CK_RV;

use crate::functions::Function;
use crate::rv;

/// Rules, and the randomness that some of them ask for.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    rules: Vec<Rule>,
    random: Random,
}

/// What a call meets.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fate {
    /// Slept in any case.
    pub(crate) sleep: Duration,
    /// Slept if the call is forwarded.
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Fails, and nothing is forwarded.
    Fail(CK_RV),
    /// Is forwarded, and fails.
    After(CK_RV),
    /// Blocks until released, then is forwarded.
    Hang,
    /// These happen first, then the call is forwarded.
    Close,
    CloseAll,
    Logout,
    Finalize,
    /// Is forwarded, and one bit of what it returns is flipped.
    BitFlip,
    /// The token is gone until the next plan.
    Removed,
    /// Everything fails: until C_Finalize, or until the next plan.
    Down {
        rv: CK_RV,
        until_plan: bool,
    },
}

#[derive(Debug)]
struct Rule {
    /// None: every function but C_Initialize and C_Finalize.
    function: Option<Function>,
    /// The first call that it strikes, from 1.
    first: u64,
    /// How many calls; None: all that follow.
    count: Option<u64>,
    /// Of 2^32.
    chance: Option<u64>,
    action: Action,
    /// Calls of the function so far.
    seen: u64,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Sleep(Duration),
    Delay(Duration),
    Fault(Fault),
}

impl Plan {
    pub(crate) fn parse(text: &str) -> Result<Plan, String> {
        let mut plan = Plan::default();
        for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
            let wrong = |why: String| format!("in `{part}`: {why}");
            if let Some(seed) = part.strip_prefix("seed:") {
                plan.random = Random::new(number(seed).map_err(wrong)?);
            } else {
                plan.rules.push(Rule::parse(part).map_err(wrong)?);
            }
        }
        Ok(plan)
    }

    /// Counts a call, and says what it meets: all that sleeps, and the first of the
    /// faults that strike it.
    pub(crate) fn decide(&mut self, function: Function) -> Fate {
        let mut fate = Fate::default();
        for rule in &mut self.rules {
            if !rule.strikes(function, &mut self.random) {
                continue;
            }
            match rule.action {
                Action::Sleep(time) => fate.sleep += time,
                Action::Delay(time) => fate.delay += time,
                Action::Fault(fault) => fate.fault = fate.fault.or(Some(fault)),
            }
        }
        fate
    }

    /// A number below `below`, which is not 0.
    pub(crate) fn random(&mut self, below: usize) -> usize {
        (self.random.next() % below as u64) as usize
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Rule, String> {
        let (head, action) = text.split_once('=').ok_or("there is no `=`")?;
        let (head, action) = (head.trim(), action.trim());
        let (function, selector) = if let Some(selector) = head.strip_prefix('*') {
            (None, selector)
        } else {
            let (name, selector) = head.split_at(head.find(['@', '*', '?']).unwrap_or(head.len()));
            let function = Function::named(name);
            (
                Some(function.ok_or(format!("no function `{name}`"))?),
                selector,
            )
        };
        let mut rule = Rule {
            function,
            first: 1,
            count: None,
            chance: None,
            action: Action::parse(action)?,
            seen: 0,
        };
        rule.select(selector)?;
        let has_output = |f| {
            matches!(
                f,
                Function::C_Sign | Function::C_Encrypt | Function::C_Decrypt
            )
        };
        if matches!(rule.action, Action::Fault(Fault::BitFlip)) && !function.is_none_or(has_output)
        {
            return Err("bitflip is for C_Sign, C_Encrypt and C_Decrypt".to_owned());
        }
        Ok(rule)
    }

    /// `[@FIRST][*[COUNT]][?PERCENT]`
    fn select(&mut self, mut text: &str) -> Result<(), String> {
        if let Some(rest) = text.strip_prefix('@') {
            let first;
            (first, text) = rest.split_at(rest.find(['*', '?']).unwrap_or(rest.len()));
            self.first = number(first)?;
            self.count = Some(1);
            if self.first == 0 {
                return Err("calls are counted from 1".to_owned());
            }
        }
        if let Some(rest) = text.strip_prefix('*') {
            let count;
            (count, text) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
            self.count = match count {
                "" | "0" => None,
                count => Some(number(count)?),
            };
        }
        if let Some(percent) = text.strip_prefix('?') {
            let share = percent.parse::<f64>().ok().map(|percent| percent / 100.0);
            let share = share.filter(|share| (0.0..=1.0).contains(share));
            let share = share.ok_or(format!("`{percent}` is no percentage"))?;
            self.chance = Some((share * 2_f64.powi(32)) as u64);
            text = "";
        }
        match text {
            "" => Ok(()),
            rest => Err(format!("`{rest}` is no selector")),
        }
    }

    fn strikes(&mut self, function: Function, random: &mut Random) -> bool {
        let matches = match self.function {
            Some(wanted) => wanted == function,
            None => !matches!(function, Function::C_Initialize | Function::C_Finalize),
        };
        if !matches {
            return false;
        }
        self.seen += 1;
        self.seen >= self.first
            && self
                .count
                .is_none_or(|count| self.seen - self.first < count)
            && self
                .chance
                .is_none_or(|chance| (random.next() >> 32) < chance)
    }
}

impl Action {
    fn parse(text: &str) -> Result<Action, String> {
        let (verb, value) = match text.split_once(':') {
            Some((verb, value)) => (verb, Some(value)),
            None => (text, None),
        };
        Ok(match (verb, value) {
            ("sleep", Some(ms)) => Action::Sleep(Duration::from_millis(number(ms)?)),
            ("delay", Some(us)) => Action::Delay(Duration::from_micros(number(us)?)),
            ("after", Some(value)) => Action::Fault(Fault::After(rv::parse(value)?)),
            ("down" | "down!", Some(value)) => Action::Fault(Fault::Down {
                rv: rv::parse(value)?,
                until_plan: verb == "down!",
            }),
            ("hang", None) => Action::Fault(Fault::Hang),
            ("close", None) => Action::Fault(Fault::Close),
            ("closeall", None) => Action::Fault(Fault::CloseAll),
            ("logout", None) => Action::Fault(Fault::Logout),
            ("finalize", None) => Action::Fault(Fault::Finalize),
            ("bitflip", None) => Action::Fault(Fault::BitFlip),
            ("removed", None) => Action::Fault(Fault::Removed),
            (value, None) => Action::Fault(Fault::Fail(rv::parse(value)?)),
            (verb, Some(_)) => return Err(format!("no action `{verb}:`")),
        })
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

/// Marsaglia's xorshift64*: the same faults for the same seed, as far as the
/// threads come in the same order.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        // The state is never 0; neighbouring seeds start far apart.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

impl Default for Random {
    fn default() -> Self {
        Random::new(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Function::{C_Decrypt, C_Finalize, C_Initialize, C_Sign, C_SignInit};
    use cryptoki_sys::*;

    /// What each of ten calls meets.
    fn faults(plan: &str, function: Function) -> Vec<Option<Fault>> {
        let mut plan = Plan::parse(plan).unwrap();
        (0..10).map(|_| plan.decide(function).fault).collect()
    }

    /// The numbers, from 1, of those of ten calls that meet a fault.
    fn struck(plan: &str, function: Function) -> Vec<usize> {
        let faults = faults(plan, function);
        (1..=10).filter(|at| faults[at - 1].is_some()).collect()
    }

    #[test]
    fn a_rule_strikes_the_calls_that_it_selects() {
        let all = (1..=10).collect::<Vec<_>>();
        for (selector, wanted) in [
            ("", &all[..]),
            ("*", &all),
            ("*0", &all),
            ("@4", &[4]),
            ("@2*3", &[2, 3, 4]),
            ("@9*", &[9, 10]),
            ("@9*0", &[9, 10]),
            ("*2", &[1, 2]),
            ("?100", &all),
            ("?0", &[]),
            ("@3*2?100", &[3, 4]),
        ] {
            let plan = format!("C_Sign{selector}=0x30");
            assert_eq!(struck(&plan, C_Sign), wanted, "{plan}");
            assert_eq!(struck(&plan, C_SignInit), [0; 0], "{plan}");
            let plan = format!(" *{selector} = 0x30 ;");
            assert_eq!(struck(&plan, C_Sign), wanted, "{plan}");
            assert_eq!(struck(&plan, C_Initialize), [0; 0], "{plan}");
            assert_eq!(struck(&plan, C_Finalize), [0; 0], "{plan}");
        }
        assert_eq!(struck("", C_Sign), [0; 0]);
        assert_eq!(struck("C_Finalize@1=5", C_Finalize), [1]);
    }

    #[test]
    fn every_action_is_read() {
        for (text, fault) in [
            ("0x30", Fault::Fail(CKR_DEVICE_ERROR)),
            ("48", Fault::Fail(CKR_DEVICE_ERROR)),
            ("CKR_DEVICE_ERROR", Fault::Fail(CKR_DEVICE_ERROR)),
            ("0xCE534352", Fault::Fail(0xce53_4352)),
            ("after:CKR_HOST_MEMORY", Fault::After(CKR_HOST_MEMORY)),
            ("hang", Fault::Hang),
            ("close", Fault::Close),
            ("closeall", Fault::CloseAll),
            ("logout", Fault::Logout),
            ("finalize", Fault::Finalize),
            ("bitflip", Fault::BitFlip),
            ("removed", Fault::Removed),
            (
                "down:5",
                Fault::Down {
                    rv: 5,
                    until_plan: false,
                },
            ),
            (
                "down!:5",
                Fault::Down {
                    rv: 5,
                    until_plan: true,
                },
            ),
        ] {
            assert_eq!(
                faults(&format!("C_Sign={text}"), C_Sign)[0],
                Some(fault),
                "{text}"
            );
        }
    }

    #[test]
    fn sleeps_add_up_and_the_first_fault_wins() {
        let plan = "*=delay:1500; C_Sign*=sleep:20; C_Sign@2=0x30; C_Sign*=hang; C_Sign*=sleep:1";
        let mut plan = Plan::parse(plan).unwrap();
        for fault in [Fault::Hang, Fault::Fail(0x30), Fault::Hang] {
            let wanted = Fate {
                sleep: Duration::from_millis(21),
                delay: Duration::from_micros(1500),
                fault: Some(fault),
            };
            assert_eq!(plan.decide(C_Sign), wanted);
        }
        assert_eq!(plan.decide(C_Decrypt).fault, None);
        assert_eq!(plan.decide(C_Decrypt).delay, Duration::from_micros(1500));
    }

    #[test]
    fn chance_follows_the_seed_and_the_percentage() {
        let run = |seed: u64| {
            let mut plan = Plan::parse(&format!("seed:{seed}; C_Sign?12.5=0x30")).unwrap();
            (0..4000)
                .map(|_| plan.decide(C_Sign).fault.is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        for seed in 0..8 {
            let struck = run(seed).into_iter().filter(|struck| *struck).count();
            assert!(
                (400..600).contains(&struck),
                "{struck} of 4000 with seed {seed}"
            );
        }
    }

    #[test]
    fn what_is_no_plan_is_refused_and_named() {
        for (plan, why) in [
            ("C_Sign", "no `=`"),
            ("C_Sing=5", "no function `C_Sing`"),
            ("=5", "no function ``"),
            ("C_GetFunctionList=5", "no function"),
            ("C_Sign=", "`` is no return value"),
            ("C_Sign=0", "no fault"),
            ("C_Sign=CKR_OK", "no fault"),
            ("C_Sign=after:CKR_OK", "no fault"),
            ("C_Sign=CKR_NOTHING", "`CKR_NOTHING` is no return value"),
            ("C_Sign=0xzz", "no return value"),
            ("C_Sign=sleep", "no return value"),
            ("C_Sign=sleep:", "no number"),
            ("C_Sign=sleep:-1", "no number"),
            ("C_Sign=hang:5", "no action `hang:`"),
            ("C_Sign=later:5", "no action"),
            ("C_Sign@=5", "no number"),
            ("C_Sign@0=5", "from 1"),
            ("C_Sign@2@3=5", "no number"),
            ("C_Sign*x=5", "no number"),
            ("C_Sign*2@3=5", "no number"),
            ("C_Sign?101=5", "no percentage"),
            ("C_Sign?-1=5", "no percentage"),
            ("C_Sign?NaN=5", "no percentage"),
            ("*C_Sign=5", "no selector"),
            ("C_SignInit=bitflip", "bitflip is for"),
            ("seed:x", "no number"),
            ("C_Sign=5;C_Sing=5", "in `C_Sing=5`"),
        ] {
            let error = Plan::parse(plan).unwrap_err();
            assert!(error.contains(why), "{plan}: {error}");
        }
    }
}
