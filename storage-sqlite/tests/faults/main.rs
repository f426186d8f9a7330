//! Every write and every sync of a workload fails once, and from there on for ever: what was
//! acknowledged is there, what was refused is not, and what is unknown can be asked again.
//!
//! The engine's own VFS is wrapped for the whole process, which is why this test has a binary to
//! itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs;
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, Ordering};

use parlor_core::conformance::{ManualClock, SeededEntropy, World, block_on};
use parlor_core::engine::{Error, IdempotencyKey, Parlor, Settings};
use parlor_core::events::Actor;
use parlor_core::identity::CreateGuest;
use parlor_core::record::Digest;
use parlor_core::storage::{MemoryStore, StoreError};
use parlor_storage_sqlite::SqliteStore;
use rusqlite::{Connection, ffi};

const COMMANDS: u8 = 5;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The device reports an error: writes and syncs.
    Io,
    /// The device is full: writes only; no system says so of a sync.
    Full,
}

#[test]
fn whatever_fails_nothing_acknowledged_is_lost_and_nothing_refused_is_there() {
    vfs::install();
    let directory = tempfile::tempdir().unwrap();
    let start = directory.path().join("start.db");
    drop(SqliteStore::open(&start).unwrap());

    let (mut runs, mut unknown, mut full) = (0, 0, 0);
    for fault in [Fault::Io, Fault::Full] {
        for lasting in [false, true] {
            for position in 0.. {
                let path = directory.path().join("run.db");
                for suffix in ["", "-wal", "-shm"] {
                    let _ = fs::remove_file(directory.path().join(format!("run.db{suffix}")));
                }
                fs::copy(&start, &path).unwrap();
                let what = format!("{fault:?} from operation {position}, lasting: {lasting}");
                let answers = run(&path, fault, position, lasting, &what);
                let failed = answers.iter().filter(|answer| answer.is_err()).count();
                let count = |is: fn(&StoreError) -> bool| {
                    answers.iter().filter(|a| a.as_ref().is_err_and(is)).count()
                };
                unknown += count(|error| matches!(error, StoreError::CommitUnknown(_)));
                full += count(|error| matches!(error, StoreError::Full));
                check(&path, &answers, &what);
                runs += 1;
                if failed == 0 && !vfs::has_failed() {
                    break;
                }
            }
        }
    }
    println!("{runs} runs: {unknown} unknown, {full} full");
    assert!(runs > 200, "only {runs} runs");
    assert!(unknown > 20 && full > 20, "{unknown} unknown, {full} full of {runs} runs");
}

fn parlor(path: &Path, seed: u64) -> Parlor {
    let store = SqliteStore::open(path).expect("the database opens");
    let clock = ManualClock::at(World::<MemoryStore>::BEGIN);
    Parlor::with_settings(Arc::new(store), clock, SeededEntropy::new(seed), Settings::default())
}

async fn sign_up(parlor: &Parlor, n: u8) -> Result<(), StoreError> {
    let key = IdempotencyKey::new(format!("guest-{n}")).unwrap();
    let command = CreateGuest { display_name: format!("Guest {n}"), token_hash: Digest([n; 32]) };
    match parlor.execute_with(Actor::HOST, &key, command).await {
        Ok(_) => Ok(()),
        Err(Error::Store(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// The answers to some commands, one after the other, while something fails.
fn run(
    path: &Path,
    fault: Fault,
    position: i64,
    lasting: bool,
    what: &str,
) -> Vec<Result<(), StoreError>> {
    let parlor = parlor(path, 1);
    vfs::fail(fault, position, lasting);
    let answers: Vec<_> = (0..COMMANDS).map(|n| block_on(sign_up(&parlor, n))).collect();
    if !lasting && vfs::has_failed() {
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        assert!(failed <= 1, "{what}: {answers:?}");
    }
    // In two of three runs the device recovers, and so does the store, without a restart.
    if position % 3 != 0 {
        vfs::recover();
        block_on(sign_up(&parlor, COMMANDS)).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    drop(parlor);
    vfs::recover();
    answers
}

fn check(path: &Path, answers: &[Result<(), StoreError>], what: &str) {
    let db = Connection::open(path).unwrap();
    let integrity = db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(integrity.as_deref(), Ok("ok"), "{what}");
    let count = |n: usize| {
        let sql = "SELECT count(*) FROM app_user WHERE display_name = ?1";
        db.query_row(sql, [format!("Guest {n}")], |row| row.get::<_, u32>(0)).unwrap()
    };
    for (n, answer) in answers.iter().enumerate() {
        match answer {
            Ok(()) => assert_eq!(count(n), 1, "{what}: {n} was acknowledged"),
            Err(StoreError::CommitUnknown(_)) => assert!(count(n) <= 1, "{what}: {n}"),
            Err(error) => assert_eq!(count(n), 0, "{what}: {n} was refused: {error}"),
        }
    }
    drop(db);

    let parlor = parlor(path, 2);
    (0..COMMANDS).for_each(|n| block_on(sign_up(&parlor, n)).unwrap());
    drop(parlor);
    let db = Connection::open(path).unwrap();
    let users = "SELECT count(*) FROM app_user WHERE display_name <> ?1";
    let users: u32 = db.query_row(users, [format!("Guest {COMMANDS}")], |row| row.get(0)).unwrap();
    assert_eq!(users, u32::from(COMMANDS), "{what}: after all were asked again");
}

/// A VFS that counts the writes, truncations and syncs of another, and fails one, or all from one
/// on. A file of it is a [`vfs::File`] with the other's file right behind.
mod vfs {
    use super::*;

    static REAL: AtomicPtr<ffi::sqlite3_vfs> = AtomicPtr::new(ptr::null_mut());
    /// How many operations go well before one fails; negative afterwards.
    static LEFT: AtomicI64 = AtomicI64::new(i64::MAX);
    static FULL: AtomicBool = AtomicBool::new(false);
    static LASTING: AtomicBool = AtomicBool::new(false);

    pub(super) fn fail(fault: Fault, position: i64, lasting: bool) {
        FULL.store(fault == Fault::Full, Ordering::SeqCst);
        LASTING.store(lasting, Ordering::SeqCst);
        LEFT.store(position, Ordering::SeqCst);
    }

    pub(super) fn has_failed() -> bool {
        LEFT.load(Ordering::SeqCst) < 0
    }

    pub(super) fn recover() {
        LEFT.fetch_max(-1, Ordering::SeqCst);
        LASTING.store(false, Ordering::SeqCst);
        if !has_failed() {
            LEFT.store(i64::MAX, Ordering::SeqCst);
        }
    }

    /// The code with which this operation fails, if it does.
    fn failing(is_sync: bool, code: c_int) -> Option<c_int> {
        let full = FULL.load(Ordering::SeqCst);
        if full && is_sync {
            return None;
        }
        let left = LEFT.fetch_sub(1, Ordering::SeqCst);
        let fails = left == 0 || (left < 0 && LASTING.load(Ordering::SeqCst));
        fails.then_some(if full { ffi::SQLITE_FULL } else { code })
    }

    #[repr(C)]
    struct File {
        base: ffi::sqlite3_file,
    }

    /// The wrapped file and its methods.
    unsafe fn inner(
        file: *mut ffi::sqlite3_file,
    ) -> (*mut ffi::sqlite3_file, &'static ffi::sqlite3_io_methods) {
        // SAFETY: files of this VFS are a `File` followed by an open file of the wrapped one.
        unsafe {
            let inner = file.cast::<File>().add(1).cast::<ffi::sqlite3_file>();
            (inner, &*(*inner).pMethods)
        }
    }

    macro_rules! forward {
        ($($name:ident as $method:ident($($arg:ident: $type:ty),*) $(, fails $sync:literal $code:expr)?;)+) => {
            $(unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($arg: $type),*) -> c_int {
                $(if let Some(code) = failing($sync, $code) { return code; })?
                // SAFETY: the engine's own call, handed on.
                unsafe {
                    let (file, methods) = inner(file);
                    (methods.$method.expect("the unix VFS has it"))(file, $($arg),*)
                }
            })+
        };
    }

    forward! {
        close as xClose();
        read as xRead(buffer: *mut c_void, amount: c_int, offset: ffi::sqlite3_int64);
        write as xWrite(buffer: *const c_void, amount: c_int, offset: ffi::sqlite3_int64),
            fails false ffi::SQLITE_IOERR_WRITE;
        truncate as xTruncate(size: ffi::sqlite3_int64), fails false ffi::SQLITE_IOERR_TRUNCATE;
        sync as xSync(flags: c_int), fails true ffi::SQLITE_IOERR_FSYNC;
        file_size as xFileSize(size: *mut ffi::sqlite3_int64);
        lock as xLock(level: c_int);
        unlock as xUnlock(level: c_int);
        check_reserved as xCheckReservedLock(out: *mut c_int);
        control as xFileControl(op: c_int, arg: *mut c_void);
        sector_size as xSectorSize();
        characteristics as xDeviceCharacteristics();
        shm_map as xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void);
        shm_lock as xShmLock(offset: c_int, n: c_int, flags: c_int);
        shm_unmap as xShmUnmap(delete: c_int);
    }

    unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
        // SAFETY: the engine's own call, handed on.
        unsafe {
            let (file, methods) = inner(file);
            (methods.xShmBarrier.expect("the unix VFS has it"))(file);
        }
    }

    static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
        iVersion: 2,
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(file_size),
        xLock: Some(lock),
        xUnlock: Some(unlock),
        xCheckReservedLock: Some(check_reserved),
        xFileControl: Some(control),
        xSectorSize: Some(sector_size),
        xDeviceCharacteristics: Some(characteristics),
        xShmMap: Some(shm_map),
        xShmLock: Some(shm_lock),
        xShmBarrier: Some(shm_barrier),
        xShmUnmap: Some(shm_unmap),
        xFetch: None,
        xUnfetch: None,
    };

    unsafe extern "C" fn open(
        _: *mut ffi::sqlite3_vfs,
        name: *const c_char,
        file: *mut ffi::sqlite3_file,
        flags: c_int,
        out: *mut c_int,
    ) -> c_int {
        let real = REAL.load(Ordering::SeqCst);
        // SAFETY: `szOsFile` made the file large enough for both.
        unsafe {
            let inner = file.cast::<File>().add(1).cast::<ffi::sqlite3_file>();
            let code = ((*real).xOpen.expect("every VFS opens"))(real, name, inner, flags, out);
            (*file).pMethods =
                if (*inner).pMethods.is_null() { ptr::null() } else { &raw const METHODS };
            code
        }
    }

    /// Makes it the default.
    pub(super) fn install() {
        // SAFETY: called once, before any connection is opened; the VFS is never freed.
        unsafe {
            let real = ffi::sqlite3_vfs_find(ptr::null());
            REAL.store(real, Ordering::SeqCst);
            let shim = Box::leak(Box::new(ptr::read(real)));
            let name: &'static CStr = c"failing";
            shim.zName = name.as_ptr();
            shim.pNext = ptr::null_mut();
            shim.xOpen = Some(open);
            shim.szOsFile += c_int::try_from(size_of::<File>()).unwrap();
            assert_eq!(ffi::sqlite3_vfs_register(shim, 1), ffi::SQLITE_OK);
        }
    }
}
