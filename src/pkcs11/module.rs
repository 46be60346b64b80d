//! A loaded and initialised module, one a path and process.
//!
//! `C_Initialize` and `C_Finalize` are for the whole process (PKCS #11 v3.1 section 5.4),
//! so everything that uses a module shares it, through the registry below. What was
//! initialised by somebody else is used and never finalised; and a module stays loaded and
//! initialised until the process ends, as unloading and finalising at exit is what makes
//! some of them crash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock};
use std::time::{Duration, Instant};

use cryptoki_sys::*;

use super::crew::{Crew, Overdue};
use super::error::{Reason, Trouble, unavailable};
use super::exit;
use super::raw::Library;
use super::rv::Failure;
use super::sync::{Gate, Pass, lock, poll, try_lock};
use crate::engine::fork;
use crate::error::{Error, ErrorKind, Rule};

/// Every module of this process by its path.
static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// Manufacturers of modules that compute in this process and wait for nobody, as
/// C_GetInfo names them. Handing each of their calls to another thread would cost more than
/// the call.
const IN_PROCESS: &[&str] = &["SoftHSM", "Mozilla Foundation"];

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) library: Library,
    pub(super) crew: Arc<Crew>,
    /// All calls are inside it.
    pub(super) gate: Arc<Gate>,
    /// Whether calls only compute, and never wait for another machine.
    pub(super) in_process: bool,
    /// Done when a token of it was tried, and with it all that it uses.
    pub(super) tried: Once,
    parameters: Option<String>,
    /// Counts initialisations: what belongs to an earlier one is void.
    generation: AtomicU64,
    /// Whether the last initialisation was ours.
    ours: AtomicBool,
    process: Process,
    /// The same module in a forked child, which has to initialise it for itself (section
    /// 5.4.1). Only the child looks at it: a fork can leave any other lock locked for ever.
    heir: OnceLock<Arc<Module>>,
    succession: Mutex<()>,
}

/// A process among its parents and children: by the fork detector, which asks nobody and is
/// asked for each call, or where there is none by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    Generation(u64),
    Number(u32),
}

impl Process {
    fn current() -> Self {
        match fork::generation() {
            Some(generation) => Process::Generation(generation),
            None => Process::Number(std::process::id()),
        }
    }
}

impl Module {
    /// The module of this path, loaded and initialised on first use.
    pub(super) fn open(path: &Path, parameters: Option<&str>) -> Result<Arc<Self>, Error> {
        let path =
            std::fs::canonicalize(path).map_err(|error| Error::with_source(UNUSABLE, error))?;
        let mut modules = lock(&MODULES);
        exit::refuse()?;
        if let Some(module) = modules.get(&path) {
            if module.parameters.as_deref() != parameters {
                return Err(Error::invalid("init string", Rule::Inconsistent));
            }
            return module.of_this_process();
        }
        let library = Library::load(&path).map_err(|error| Error::with_source(UNUSABLE, error))?;
        let module = Module::initialised(library, parameters.map(str::to_owned))?;
        modules.insert(path, Arc::clone(&module));
        Ok(module)
    }

    fn initialised(library: Library, parameters: Option<String>) -> Result<Arc<Self>, Error> {
        let ours = initialize(library, parameters.as_deref())
            .map_err(|failure| Error::with_source(UNUSABLE, failure))?;
        exit::come_first();
        let manufacturer = library.manufacturer().unwrap_or_default();
        Ok(Arc::new(Module {
            library,
            crew: Arc::default(),
            gate: Arc::default(),
            in_process: IN_PROCESS.iter().any(|name| manufacturer.starts_with(name)),
            tried: Once::new(),
            parameters,
            generation: AtomicU64::new(1),
            ours: AtomicBool::new(ours),
            process: Process::current(),
            heir: OnceLock::new(),
            succession: Mutex::new(()),
        }))
    }

    /// Whether this is the process that initialised it.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.process == Process::current()
    }

    /// The module to use in this process: itself, or in a forked child its heir.
    pub(super) fn of_this_process(self: &Arc<Self>) -> Result<Arc<Self>, Error> {
        let mut module = self;
        while !module.is_of_this_process() {
            if module.heir.get().is_none() {
                let _one = lock(&module.succession);
                exit::refuse()?;
                if module.heir.get().is_none() {
                    let heir = module.inherit()?;
                    // Nobody else sets it: the lock is held.
                    let _ = module.heir.set(heir);
                }
            }
            match module.heir.get() {
                Some(heir) => module = heir,
                None => return Err(UNUSABLE.into()),
            }
        }
        Ok(Arc::clone(module))
    }

    /// In a child the module has to be initialised again. One that does not notice that it is
    /// in a child still counts as initialised, with sessions that are the parent's: it is
    /// finalised first, which frees this process's copy of them.
    fn inherit(&self) -> Result<Arc<Module>, Error> {
        // A child's first call must be C_Initialize; whatever it answers, C_Finalize may follow.
        let _ = self.library.initialize(self.parameters.as_deref());
        let _ = self.library.finalize();
        Module::initialised(self.library, self.parameters.clone())
    }

    /// Goes where calls may be made, unless a reset lasts until `limit`.
    pub(super) fn enter(&self, limit: Instant) -> Result<Pass, Error> {
        match self.gate.enter(limit) {
            Some(pass) => Ok(pass),
            None => exit::refuse_at_rest().and(Err(unavailable(Reason::Healing))),
        }
    }

    /// Which initialisation is in force.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Runs a call on a thread of the crew.
    pub(super) fn run<T: Send + 'static>(
        self: &Arc<Self>,
        deadline: Duration,
        work: impl FnOnce(&Module) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let module = Arc::clone(self);
        match self.crew.run(deadline, move || work(&module)) {
            Ok(result) => result,
            Err(overdue) => Err(Trouble::Overdue(overdue)),
        }
    }

    /// Finalises and initialises the module with nobody in it, unless that has been done since
    /// `seen`. Whoever waits for a call that hangs waits for `patience` at most: finalising
    /// under its feet could crash the process.
    pub(super) fn reset(self: &Arc<Self>, seen: u64, patience: Duration) -> Result<(), Trouble> {
        // Twice: once for the calls inside to end, once for the module to do it.
        self.run(2 * patience, move |module| {
            let limit = Instant::now() + patience;
            let done = module.gate.closed(limit, || module.reinitialize(seen));
            done.unwrap_or(Err(Trouble::Overdue(Overdue::NoAnswer)))
        })
    }

    fn reinitialize(&self, seen: u64) -> Result<(), Trouble> {
        if self.generation() != seen {
            return Ok(());
        }
        if self.ours.load(Ordering::Acquire) {
            // Whatever it answers: the module is sick, and initialising it will tell.
            let _ = self.library.finalize();
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        let ours = initialize(self.library, self.parameters.as_deref())?;
        self.ours.store(ours, Ordering::Release);
        Ok(())
    }
}

/// Lets no call into any module from now on, and waits for those inside until `limit`.
pub(super) fn end_all(limit: Instant) {
    // Locked for long while one is loaded.
    let modules = poll(limit, || {
        Some(try_lock(&MODULES)?.values().cloned().collect::<Vec<_>>())
    });
    // First none is let in anywhere, then all have the same time.
    for limit in [Instant::now(), limit] {
        for module in modules.iter().flatten() {
            let mut module = module;
            while !module.is_of_this_process() {
                // Locked while a child initialises the module for itself.
                let _one = poll(limit, || try_lock(&module.succession));
                let Some(heir) = module.heir.get() else { break };
                module = heir;
            }
            if module.is_of_this_process() {
                module.gate.end(limit);
            }
        }
    }
}

const UNUSABLE: ErrorKind = ErrorKind::Unavailable {
    what: "PKCS #11 module",
};

/// Whether it was this call that initialised it.
fn initialize(library: Library, parameters: Option<&str>) -> Result<bool, Failure> {
    match library.initialize(parameters) {
        Ok(()) => Ok(true),
        Err(failure) if failure.rv == CKR_CRYPTOKI_ALREADY_INITIALIZED => Ok(false),
        Err(failure) => Err(failure),
    }
}
