//! Which module, which token, and how to deal with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cryptoki_sys::CK_TOKEN_INFO;

use super::pin::PinSource;
use super::raw::text;
use super::uri::Pkcs11Uri;
use super::{Pkcs11, SplitPolicy};
use crate::error::{Error, Rule};
use crate::handle::ProviderId;

/// In which thread the module's calls are made.
///
/// A call cannot be taken back: if it never returns (a network HSM behind a dead link), the
/// thread that made it is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Calls {
    /// [`Isolated`](Calls::Isolated), unless the module is known to compute in this process
    /// and to wait for nobody (SoftHSM, NSS).
    #[default]
    Automatic,
    /// In threads of the backend: the caller has its answer within the deadline whatever the
    /// module does. Costs two changes of thread a call, some 20 microseconds.
    Isolated,
    /// In the caller's thread: costs nothing, and a call that hangs keeps its caller. Nobody
    /// else is kept: the session is given up after the deadline.
    Inline,
}

/// What a token must say of itself. Trailing blanks do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selector {
    label: Option<String>,
    serial: Option<String>,
    model: Option<String>,
    manufacturer: Option<String>,
}

impl Selector {
    pub(super) fn matches(&self, info: &CK_TOKEN_INFO) -> bool {
        let fields = [
            (&self.label, text(&info.label)),
            (&self.serial, text(&info.serialNumber)),
            (&self.model, text(&info.model)),
            (&self.manufacturer, text(&info.manufacturerID)),
        ];
        let mut wanted = fields
            .iter()
            .filter_map(|(want, has)| Some((want.as_ref()?, has)));
        wanted.all(|(want, has)| want.trim_end_matches(' ') == has)
    }

    fn is_empty(&self) -> bool {
        *self == Selector::default()
    }
}

/// Everything that was chosen.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) id: ProviderId,
    pub(super) module: PathBuf,
    pub(super) parameters: Option<String>,
    pub(super) selector: Selector,
    pub(super) pin: PinSource,
    pub(super) sessions: Option<usize>,
    pub(super) patience: Duration,
    pub(super) deadline: Duration,
    pub(super) calls: Calls,
    pub(super) split: SplitPolicy,
    pub(super) public_in_token: bool,
}

/// Everything that can be chosen about a token.
///
/// ```no_run
/// use std::time::Duration;
/// use strongroom::pkcs11::{Pkcs11, PinSource, SplitPolicy};
///
/// let hsm = Pkcs11::builder()
///     .module("/usr/lib/softhsm/libsofthsm2.so")
///     .token_label("payments")
///     .pin(PinSource::file("/run/secrets/hsm-pin"))
///     .sessions(16)
///     .session_wait(Duration::from_secs(2))
///     .call_deadline(Duration::from_secs(10))
///     .split(SplitPolicy::Deny)
///     .open()?;
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    id: String,
    module: Option<PathBuf>,
    parameters: Option<String>,
    selector: Selector,
    pin: PinSource,
    sessions: Option<usize>,
    patience: Duration,
    deadline: Duration,
    calls: Calls,
    split: SplitPolicy,
    public_in_token: bool,
}

/// The names that are tried for `module-name=NAME` (RFC 7512 section 2.3 leaves the rules
/// to whoever reads the URI), in the folders where distributions put modules.
const MODULE_FOLDERS: &[&str] = &[
    "/usr/lib/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib/softhsm",
    "/usr/lib/x86_64-linux-gnu/softhsm",
    "/usr/lib/aarch64-linux-gnu/softhsm",
    "/usr/local/lib/pkcs11",
    "/usr/local/lib/softhsm",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/local/lib",
];

/// The most sessions that may be asked for.
const MOST_SESSIONS: usize = 1024;

impl Builder {
    pub(super) fn new() -> Self {
        Builder {
            id: Pkcs11::DEFAULT_ID.to_owned(),
            module: None,
            parameters: None,
            selector: Selector::default(),
            pin: PinSource::none(),
            sessions: None,
            patience: Duration::from_secs(5),
            deadline: Duration::from_secs(30),
            calls: Calls::default(),
            split: SplitPolicy::default(),
            public_in_token: false,
        }
    }

    /// What a URI says: the module, the token, and where the PIN is (RFC 7512). Object, slot
    /// and library attributes do not choose a token: the first is for
    /// [`Pkcs11::adopt_by_label`], and slot numbers move.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for `module-name` if no such module is installed.
    pub(super) fn uri(mut self, mut uri: Pkcs11Uri) -> Result<Self, Error> {
        let text = |value: Option<&str>| value.map(str::to_owned);
        self.selector = Selector {
            label: text(uri.token()),
            serial: text(uri.serial()),
            model: text(uri.model()),
            manufacturer: text(uri.manufacturer()),
        };
        if let Some(path) = uri.module_path() {
            self.module = Some(PathBuf::from(path));
        } else if let Some(name) = uri.module_name() {
            self.module = Some(module_named(name)?);
        }
        if let Some(pin) = uri.take_pin_value() {
            self.pin = PinSource::value(pin.expose());
        } else if let Some(path) = uri.pin_file() {
            self.pin = PinSource::file(path);
        }
        Ok(self)
    }

    /// The backend's name, `pkcs11` unless given: it stands in the handles of its keys, so two
    /// tokens of one vault need two.
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// The module: a shared library, which is loaded into this process and trusted like the
    /// program itself.
    pub fn module(mut self, path: impl AsRef<Path>) -> Self {
        self.module = Some(path.as_ref().to_owned());
        self
    }

    /// The string that the module wants in `C_Initialize`, as NSS does. The same for everybody
    /// who uses the module.
    pub fn init_string(mut self, parameters: &str) -> Self {
        self.parameters = Some(parameters.to_owned());
        self
    }

    /// The token's label.
    pub fn token_label(mut self, label: &str) -> Self {
        self.selector.label = Some(label.to_owned());
        self
    }

    /// The token's serial number.
    pub fn token_serial(mut self, serial: &str) -> Self {
        self.selector.serial = Some(serial.to_owned());
        self
    }

    /// The token's model.
    pub fn token_model(mut self, model: &str) -> Self {
        self.selector.model = Some(model.to_owned());
        self
    }

    /// The token's manufacturer.
    pub fn token_manufacturer(mut self, manufacturer: &str) -> Self {
        self.selector.manufacturer = Some(manufacturer.to_owned());
        self
    }

    /// Where the PIN comes from.
    pub fn pin(mut self, source: PinSource) -> Self {
        self.pin = source;
        self
    }

    /// The PIN itself: short for [`PinSource::value`].
    pub fn pin_value(self, pin: &[u8]) -> Self {
        self.pin(PinSource::value(pin))
    }

    /// The most sessions to use, besides one that is kept: 1 to 1,024. Unless given, what the
    /// token's own limit leaves, and 32 at most.
    pub fn sessions(mut self, most: usize) -> Self {
        self.sessions = Some(most);
        self
    }

    /// How long an operation waits for a session that others have: 5 seconds unless given.
    pub fn session_wait(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long a call into the module may take before it counts as hung: 30 seconds unless
    /// given, and ten times as long for making keys and for trying what a token can do.
    pub fn call_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// In which thread calls are made.
    pub fn calls(mut self, calls: Calls) -> Self {
        self.calls = calls;
        self
    }

    /// Whether paddings that the token lacks may be computed outside it.
    pub fn split(mut self, policy: SplitPolicy) -> Self {
        self.split = policy;
        self
    }

    /// Does work with public keys in the token too, where it can. It is slower, and proves
    /// nothing but what the token thinks of its own signatures.
    pub fn public_in_token(mut self, inside: bool) -> Self {
        self.public_in_token = inside;
        self
    }

    /// Loads the module, finds the token, logs in and finds out what the token can do.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for `module`, `token` or `sessions`;
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if the module cannot be loaded or the token is
    /// not there; [`LoginRefused`](crate::ErrorKind::LoginRefused).
    pub fn open(self) -> Result<Pkcs11, Error> {
        let missing = |field| Error::invalid(field, Rule::Missing);
        if self.selector.is_empty() {
            return Err(missing("token"));
        }
        if self
            .sessions
            .is_some_and(|most| !(1..=MOST_SESSIONS).contains(&most))
        {
            return Err(Error::invalid("sessions", Rule::OutOfRange));
        }
        if self.deadline.is_zero() || self.deadline > Duration::from_secs(3600) {
            return Err(Error::invalid("call deadline", Rule::OutOfRange));
        }
        if self.patience > Duration::from_secs(3600) {
            return Err(Error::invalid("session wait", Rule::OutOfRange));
        }
        Pkcs11::connect(Arc::new(Config {
            id: ProviderId::new(&self.id)?,
            module: self.module.ok_or_else(|| missing("module"))?,
            parameters: self.parameters,
            selector: self.selector,
            pin: self.pin,
            sessions: self.sessions,
            patience: self.patience,
            deadline: self.deadline,
            calls: self.calls,
            split: self.split,
            public_in_token: self.public_in_token,
        }))
    }
}

/// Case does not count (RFC 7512 section 2.3), except that a file of just this name is taken
/// before others.
fn module_named(name: &str) -> Result<PathBuf, Error> {
    let unknown = || Error::invalid("module-name", Rule::UnknownName);
    let files = [format!("{name}.so"), format!("lib{name}.so")];
    let folders = || MODULE_FOLDERS.iter().map(Path::new);
    let mut exact = folders().flat_map(|folder| files.iter().map(|file| folder.join(file)));
    if let Some(place) = exact.find(|place| place.is_file()) {
        return Ok(place);
    }
    let is_wanted = |place: &PathBuf| {
        let file = place.file_name().and_then(|file| file.to_str());
        let wanted = |file: &str| files.iter().any(|it| it.eq_ignore_ascii_case(file));
        file.is_some_and(wanted) && place.is_file()
    };
    let entries = folders().flat_map(std::fs::read_dir).flatten().flatten();
    let mut places = entries.map(|entry| entry.path());
    places.find(is_wanted).ok_or_else(unknown)
}
