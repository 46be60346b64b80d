//! Keys in a token: any HSM, smart card or software token with a PKCS #11 module.
//!
//! [`Pkcs11`] is a [`KeyProvider`](crate::KeyProvider) like any other: private keys are made in the token, or
//! brought there, and stay. Its handles name keys by `CKA_ID`; nothing that lives in a module
//! (a session, an object's number, a login) leaves this folder.
//!
//! ```no_run
//! use std::sync::Arc;
//! use strongroom::pkcs11::Pkcs11;
//! use strongroom::store::MemoryStore;
//! use strongroom::vault::{NoAudit, Vault};
//! use strongroom::{Curve, SignAlg};
//!
//! let hsm = Pkcs11::open("pkcs11:token=dev?module-name=softhsm2&pin-source=/run/secrets/pin")?;
//! let vault = Vault::builder()
//!     .provider(Arc::new(hsm))
//!     .store(Arc::new(MemoryStore::new()))
//!     .audit(Arc::new(NoAudit))
//!     .build()?;
//! let key = vault.create("signing", Curve::P256, &Default::default())?;
//! let signature = key.sign(SignAlg::Es256, b"hello")?;
//! # Ok::<(), strongroom::Error>(())
//! ```
//!
//! # What is offered
//! What the token does rightly: mechanisms are tried when it is opened, and one that answers
//! wrongly, or means something else by the same number, is not in
//! [`capabilities`](crate::KeyProvider::capabilities). Where only a padding or a hash is missing and
//! the token has the raw RSA operation, the padding is computed here in constant time
//! ([`Place::Split`](crate::provider::Place::Split)), unless [`SplitPolicy::Deny`] is chosen. When a
//! token of another serial number, model or version is found in its place, that one is tried anew.
//!
//! # What happens when it fails
//! Every failure is looked into before anything is done, as codes do not tell a sick token
//! from a caller's bad input. A lost login, lost sessions, a module that was finalised by
//! somebody else, a token that was away, a server process that was restarted: each is put
//! right by the next call, by one caller for all; while that does not succeed, calls fail at
//! once with [`Unavailable`](crate::ErrorKind::Unavailable), whose source says why. A refused PIN is
//! never tried again unasked ([`Pkcs11::allow_login`]). Nothing is ever deleted because a token
//! looked empty.
//!
//! # Fork and exit
//! In a forked child the first call initialises the module again, logs in and opens sessions
//! of its own; the parent's are left alone. Modules stay loaded until the process ends. When it
//! does, by `exit` or by returning from `main`, calls that are in a module are waited for, two
//! seconds at most, and later ones fail with [`Unavailable`](crate::ErrorKind::Unavailable).
//! Dropping a [`Pkcs11`] closes its sessions, and waits two seconds at most for a module that
//! does not answer.

mod backup;
mod byok;
mod config;
mod create;
mod crew;
mod error;
mod exit;
mod heal;
mod mechanism;
mod module;
mod object;
mod oct;
mod offer;
mod pin;
mod pool;
mod probe;
mod provider;
mod public_half;
#[allow(unsafe_code)]
mod raw;
mod recover;
mod rsa;
mod rv;
mod sign;
mod sync;
mod template;
mod token;
mod uri;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::handle::KeyHandle;

pub use config::{Builder, Calls};
pub use pin::PinSource;
pub use uri::{ObjectType, Pkcs11Uri};

use config::Config;
use error::{Reason, unavailable};
use module::Module;
use object::Locator;
use token::{Kind, Token};

/// Whether paddings that a token lacks may be computed outside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitPolicy {
    /// They may: the padded block, not the key, is seen in this process for a moment.
    #[default]
    Allow,
    /// They may not: what the token cannot do whole is not offered.
    Deny,
}

/// A key that is in the token, whoever put it there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenKey {
    /// Its label in the token.
    pub label: String,
    /// Its handle, to be used or adopted by a vault.
    pub handle: KeyHandle,
}

/// Keys in a token. See the [module](self).
pub struct Pkcs11 {
    config: Arc<Config>,
    /// The first; others may have taken its place.
    token: Arc<Token>,
}

impl Pkcs11 {
    /// The backend's name unless another is given.
    pub const DEFAULT_ID: &'static str = "pkcs11";

    /// Everything that can be chosen.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Opens the token that a `pkcs11:` URI describes (RFC 7512): `token`, `serial`, `model` and
    /// `manufacturer` choose it, `module-path` or `module-name` say by which module, and
    /// `pin-source` or `pin-value` how to log in.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for what is wrong in the URI, and those of
    /// [`Builder::open`].
    pub fn open(uri: &str) -> Result<Self, Error> {
        Pkcs11::from_uri(uri)?.open()
    }

    /// What a URI says, to be completed: with an init string for NSS, with limits.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for what is wrong in the URI.
    ///
    /// ```no_run
    /// use strongroom::pkcs11::Pkcs11;
    /// let hsm = Pkcs11::from_uri("pkcs11:token=dev?module-name=softhsm2")?
    ///     .pin_value(b"1234")
    ///     .sessions(4)
    ///     .open()?;
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn from_uri(uri: &str) -> Result<Builder, Error> {
        Builder::new().uri(uri.parse()?)
    }

    /// Connects, and tries what the token can do.
    fn connect(config: Arc<Config>) -> Result<Self, Error> {
        let module = Module::open(&config.module, config.parameters.as_deref())?;
        let token = Token::new(&config, module, Arc::default());
        let offer = probe::probe(&token)?.under(config.split);
        token.module.tried.call_once(exit::come_first);
        token.set_offer(offer);
        Ok(Pkcs11 { config, token })
    }

    /// The token of this process that is there now: in a forked child, one of its own; and a new
    /// one, tried like the first, where another has taken its place under the same name.
    fn token(&self) -> Result<&Arc<Token>, Error> {
        let mut token = &self.token;
        // A child of a child has the heir's heir.
        loop {
            let forked = !token.module.is_of_this_process();
            token = match token.heir.get() {
                _ if !forked && !token.is_another() => return Ok(token),
                Some(heir) => heir,
                None if forked => {
                    let (module, latch) = (token.module.of_this_process()?, &token.pin_refused);
                    let heir = Token::new(&self.config, module, Arc::clone(latch));
                    heir.set_offer(token.offer().clone());
                    token.heir.get_or_init(|| heir)
                }
                None => self.try_anew(token)?,
            };
        }
    }

    /// Tries what the token can do that has taken the place of another.
    fn try_anew<'a>(&self, old: &'a Arc<Token>) -> Result<&'a Arc<Token>, Error> {
        let turn = old.renewal.take(Instant::now() + self.config.patience);
        let turn = turn.ok_or_else(|| unavailable(Reason::Healing))?;
        if let Some(heir) = old.heir.get() {
            return Ok(heir);
        }
        let (module, latch) = (Arc::clone(&old.module), Arc::clone(&old.pin_refused));
        let heir = Token::new(&self.config, module, latch);
        heir.set_offer(probe::probe(&heir)?.under(self.config.split));
        let heir = old.heir.get_or_init(|| heir);
        drop(turn);
        old.close();
        Ok(heir)
    }

    /// The one that came last, as far as is known without asking.
    fn latest(&self) -> &Arc<Token> {
        let mut token = &self.token;
        while let Some(heir) = token.heir.get() {
            token = heir;
        }
        token
    }

    /// Allows one more login, after the PIN (or the token) was put right. Until this is called
    /// a PIN that was refused is not tried again: a few wrong ones lock a token for good.
    pub fn allow_login(&self) {
        // First, for all share it: to find the latest token may take a login.
        self.token.forgive();
        if let Ok(token) = self.token() {
            token.forgive();
        }
    }

    /// Every key in the token that this crate knows the kind of, whoever made it: for finding
    /// those that no vault knows, and those to adopt. Nothing is ever deleted because it is in
    /// this list and in no vault. Keys that share one `CKA_ID`, or have none and share a label,
    /// cannot be told apart and are left out.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub fn keys(&self) -> Result<Vec<TokenKey>, Error> {
        let listed = self.token()?.work(Kind::Repeatable, |desk| desk.list())?;
        let keys = listed
            .into_iter()
            .map(|(handle, label)| TokenKey { label, handle });
        Ok(keys.collect())
    }

    /// A key that was made by somebody else, by its `CKA_ID`: its handle is like that of any
    /// key, and [`Vault::adopt`](crate::vault::Vault::adopt) gives it a name.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Corrupt`](crate::ErrorKind::Corrupt) if two keys have this
    /// id or its public half is missing, [`Unavailable`](crate::ErrorKind::Unavailable).
    ///
    /// ```no_run
    /// # fn adopt(hsm: &strongroom::pkcs11::Pkcs11, vault: &strongroom::vault::Vault) -> Result<(), strongroom::Error> {
    /// let handle = hsm.adopt_by_id(&[0x01, 0x02])?;
    /// let key = vault.adopt("signing", &handle, &Default::default())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn adopt_by_id(&self, id: &[u8]) -> Result<KeyHandle, Error> {
        self.adopt(Locator::Id(id.to_vec()))
    }

    /// The same by its label. The handle goes by its `CKA_ID` if it has one, so that the label
    /// may change.
    ///
    /// # Errors
    /// As [`adopt_by_id`](Pkcs11::adopt_by_id).
    pub fn adopt_by_label(&self, label: &str) -> Result<KeyHandle, Error> {
        self.adopt(Locator::Label(label.as_bytes().to_vec()))
    }

    fn adopt(&self, locator: Locator) -> Result<KeyHandle, Error> {
        let found = self
            .token()?
            .work(Kind::Input, move |desk| desk.adopt(&locator));
        Ok(found?)
    }
}

impl Drop for Pkcs11 {
    fn drop(&mut self) {
        let mut token = Some(&self.token);
        while let Some(one) = token {
            // Of those only the one of this process has anything to close.
            one.close();
            token = one.heir.get();
        }
    }
}

impl fmt::Debug for Pkcs11 {
    /// Which token, and never a PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11")
            .field("id", &self.config.id)
            .field("module", &self.config.module)
            .field("token", &self.config.selector)
            .field("pin", &self.config.pin)
            .finish_non_exhaustive()
    }
}
