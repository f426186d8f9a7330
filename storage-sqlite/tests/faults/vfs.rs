//! A VFS that counts the reads of another, or the writes, truncations and syncs, or what comes before
//! both, and fails one, or all from one on. A file of it is a [`File`] with the other's file right
//! behind.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The device reports an error: writes and syncs.
    Io,
    /// The device is full: writes only; no system says so of a sync.
    Full,
    /// The device reports an error: reads.
    Read,
    /// The system reports an error: opening a file, looking at its size, mapping shared memory.
    Reach,
}

/// What a file does.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Read,
    Write,
    Sync,
    Reach,
}

static REAL: AtomicPtr<ffi::sqlite3_vfs> = AtomicPtr::new(ptr::null_mut());
/// How many operations go well before one fails; negative afterwards.
static LEFT: AtomicI64 = AtomicI64::new(i64::MAX);
static FAULT: Mutex<Fault> = Mutex::new(Fault::Io);
static LASTING: AtomicBool = AtomicBool::new(false);

pub(crate) fn fail(fault: Fault, position: i64, lasting: bool) {
    *FAULT.lock().expect("nobody panics here") = fault;
    LASTING.store(lasting, Ordering::SeqCst);
    LEFT.store(position, Ordering::SeqCst);
}

pub(crate) fn has_failed() -> bool {
    LEFT.load(Ordering::SeqCst) < 0
}

pub(crate) fn recover() {
    LEFT.fetch_max(-1, Ordering::SeqCst);
    LASTING.store(false, Ordering::SeqCst);
    if !has_failed() {
        LEFT.store(i64::MAX, Ordering::SeqCst);
    }
}

/// The code with which this operation fails, if it does.
fn failing(operation: Operation, code: c_int) -> Option<c_int> {
    let fault = *FAULT.lock().unwrap_or_else(PoisonError::into_inner);
    let is_meant = match fault {
        Fault::Io => matches!(operation, Operation::Write | Operation::Sync),
        Fault::Full => operation == Operation::Write,
        Fault::Read => operation == Operation::Read,
        Fault::Reach => operation == Operation::Reach,
    };
    if !is_meant {
        return None;
    }
    let left = LEFT.fetch_sub(1, Ordering::SeqCst);
    let fails = left == 0 || (left < 0 && LASTING.load(Ordering::SeqCst));
    fails.then_some(if fault == Fault::Full { ffi::SQLITE_FULL } else { code })
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
    ($($name:ident as $method:ident($($arg:ident: $type:ty),*) $(, fails $operation:ident $code:expr)?;)+) => {
        $(unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($arg: $type),*) -> c_int {
            $(if let Some(code) = failing(Operation::$operation, $code) { return code; })?
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
    read as xRead(buffer: *mut c_void, amount: c_int, offset: ffi::sqlite3_int64),
        fails Read ffi::SQLITE_IOERR_READ;
    write as xWrite(buffer: *const c_void, amount: c_int, offset: ffi::sqlite3_int64),
        fails Write ffi::SQLITE_IOERR_WRITE;
    truncate as xTruncate(size: ffi::sqlite3_int64), fails Write ffi::SQLITE_IOERR_TRUNCATE;
    sync as xSync(flags: c_int), fails Sync ffi::SQLITE_IOERR_FSYNC;
    file_size as xFileSize(size: *mut ffi::sqlite3_int64), fails Reach ffi::SQLITE_IOERR_FSTAT;
    lock as xLock(level: c_int);
    unlock as xUnlock(level: c_int);
    check_reserved as xCheckReservedLock(out: *mut c_int);
    control as xFileControl(op: c_int, arg: *mut c_void);
    sector_size as xSectorSize();
    characteristics as xDeviceCharacteristics();
    shm_map as xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void),
        fails Reach ffi::SQLITE_IOERR_SHMMAP;
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
    if let Some(code) = failing(Operation::Reach, ffi::SQLITE_CANTOPEN) {
        // SAFETY: the file is the engine's own, to be filled in.
        unsafe { (*file).pMethods = ptr::null() };
        return code;
    }
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

/// Makes it the default, once, and keeps other tests of the process away: what fails, fails for all.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static INSTALLED: Once = Once::new();
    static ALONE: Mutex<()> = Mutex::new(());
    INSTALLED.call_once(install);
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn install() {
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
