//! A management action under way, from being asked for to its event.

use std::cell::Cell;
use std::time::Instant;

use super::access::Scope;
use super::{Action, Change, Core, KeyName, Outcome, Target};
use crate::error::{Error, ErrorKind};

/// What one caller asked for. Ends with an event, whichever way; but of a sweep over many keys,
/// and of what a [`Key`](super::Key) tells that was got before, only a refusal is recorded: the
/// changes of a sweep have events of their own, and so had the getting.
pub(super) struct Task<'a> {
    core: &'a Core,
    action: Action,
    /// When it began; `None` if no event is wanted.
    begun: Option<Instant>,
    /// Its event is in the store.
    committed: Cell<bool>,
}

impl Core {
    /// # Errors
    /// [`Audit`](ErrorKind::Audit) while events of earlier changes wait for a sink that fails.
    pub(super) fn begin(&self, action: Action) -> Result<Task<'_>, Error> {
        Ok(Task {
            core: self,
            action,
            begun: self.start()?,
            committed: Cell::new(false),
        })
    }
}

impl Task<'_> {
    pub(super) fn action(&self) -> Action {
        self.action
    }

    /// The first question of *permit*: may this caller do this, here? A refusal is recorded.
    /// Before anything is looked up.
    pub(super) fn allow(&self, scope: &Scope, target: &Target) -> Result<(), Error> {
        match self.core.ask(self.action, scope) {
            Ok(()) => Ok(()),
            refused => self.end(target.clone(), refused),
        }
    }

    /// The same, about a key.
    pub(super) fn allow_key(&self, name: &KeyName) -> Result<(), Error> {
        if self.core.caller.is_none() {
            return Ok(());
        }
        let target = Target::Name(name.clone());
        self.allow(&Scope::Key(name.clone()), &target)
    }

    /// An argument that was read, or the event of a refusal before anything was looked up.
    pub(super) fn checked<T>(&self, argument: Result<T, Error>) -> Result<T, Error> {
        match argument {
            Ok(argument) => Ok(argument),
            refused => self.end(Target::Vault, refused),
        }
    }

    /// Commits what was asked for, and its event with it: the last step of a change, behind
    /// which nothing fails. What only leads to it is committed by the store alone.
    pub(super) fn commit(&self, target: &Target, mut changes: Vec<Change>) -> Result<u64, Error> {
        let (core, Some(begun)) = (self.core, self.begun) else {
            return self.core.store.commit(&changes);
        };
        let event = core.event(begun, self.action, target.clone(), Outcome::Success)?;
        changes.push(core.outbox.change(&event)?);
        let done = core.store.commit(&changes);
        match &done {
            Ok(_) => self.committed.set(true),
            Err(error) if *error.kind() == ErrorKind::Conflict => return done,
            // Of another failure it is not known whether the store has it.
            Err(_) => {}
        }
        core.outbox.filled();
        done
    }

    /// Somebody else has committed what was asked for, and the event with it.
    pub(super) fn is_recorded(&self) {
        self.committed.set(true);
    }

    /// Writes the event and gives the result on; a sink that fails withholds it. If the event was
    /// committed the sink is given that one, and its failure is the next action's.
    pub(super) fn end<T>(&self, target: Target, result: Result<T, Error>) -> Result<T, Error> {
        if self.committed.get() {
            let _ = self.core.drain();
        } else if let Some(begun) = self.begun {
            let outcome = Outcome::of(&result);
            let event = self.core.event(begun, self.action, target, outcome)?;
            self.core.write(&event)?;
        }
        result
    }
}
