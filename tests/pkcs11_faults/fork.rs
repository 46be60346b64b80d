//! A process that forks.

use crate::own_process;
use crate::rig::{LIMIT, P256, Rig, es256, generate};

/// A child signs with a login of its own; the parent goes on with its. It forks while nobody is
/// inside SoftHSM: a mutex of the module's own that is locked then stays so in the child.
#[test]
fn a_forked_child_signs() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(3).open().unwrap();
        let key = generate(&hsm, P256);
        std::thread::scope(|scope| {
            let sign = || (0..50).for_each(|_| es256(&hsm, &key).unwrap());
            let threads = [scope.spawn(sign), scope.spawn(sign)];
            // Until they have ended: a thread that is about to takes locks in OpenSSL, which the
            // scope's end does not wait for.
            for thread in threads {
                thread.join().unwrap();
            }
        });
        // SAFETY: no other thread of this process is running, so the child may do anything.
        #[expect(unsafe_code, reason = "there is no safe fork")]
        let child = unsafe { libc::fork() };
        if child == 0 {
            let signed = (0..5).all(|_| es256(&hsm, &key).is_ok());
            #[expect(unsafe_code, reason = "there is no safe _exit")]
            // SAFETY: ends the child without the harness's clean-up, which is the parent's.
            unsafe {
                libc::_exit(i32::from(!signed))
            }
        }
        let mut status = 0;
        // SAFETY: waits for our own child, into a place of our own.
        #[expect(unsafe_code, reason = "there is no safe waitpid")]
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((waited, status), (child, 0), "the child signs");
        es256(&hsm, &key).unwrap();
        rig.sound("forked");
    });
}
