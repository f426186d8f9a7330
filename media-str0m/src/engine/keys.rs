//! Reads the SRTP keys a session negotiates, through the DTLS traits that str0m leaves open.

use std::cell::RefCell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider};
use zeroize::Zeroizing;

/// What DTLS has exported for SRTP (RFC 5764 §4.2).
pub(super) struct Exported {
    pub(super) profile: SrtpProfile,
    /// Client key, server key, client salt, server salt.
    pub(super) material: Zeroizing<Vec<u8>>,
    /// Whether our side is the DTLS client.
    pub(super) is_client: bool,
}

/// Where the keys of one session turn up once its handshake is through.
#[derive(Clone, Default)]
pub(super) struct KeyTap {
    exported: Arc<Mutex<Option<Exported>>>,
}

impl KeyTap {
    /// The provider, with keys of sessions made inside [`KeyTap::over`] readable.
    pub(super) fn provider(inner: &CryptoProvider) -> CryptoProvider {
        // The trait wants it for good; there is one of it a process, whatever the number of shards.
        static TAPPED: std::sync::OnceLock<TappedProvider> = std::sync::OnceLock::new();
        let tapped = TAPPED.get_or_init(|| TappedProvider { inner: inner.dtls_provider });
        CryptoProvider { dtls_provider: tapped, ..inner.clone() }
    }

    /// Makes a session, and the tap for its keys.
    pub(super) fn over<T>(make: impl FnOnce() -> T) -> (T, Self) {
        let tap = Self::default();
        TAP.with_borrow_mut(|current| *current = Some(tap.clone()));
        let made = make();
        TAP.with_borrow_mut(|current| *current = None);
        (made, tap)
    }

    /// The keys, once; they are not kept here afterwards.
    pub(super) fn take(&self) -> Option<Exported> {
        self.exported.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, exported: Exported) {
        *self.exported.lock().unwrap_or_else(PoisonError::into_inner) = Some(exported);
    }
}

impl fmt::Debug for KeyTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyTap")
    }
}

thread_local! {
    /// The tap of the session that is being made: the trait has no room for it.
    static TAP: RefCell<Option<KeyTap>> = const { RefCell::new(None) };
}

#[derive(Debug)]
struct TappedProvider {
    inner: &'static dyn DtlsProvider,
}

impl DtlsProvider for TappedProvider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.inner.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.inner.new_dtls(certificate, now, version, mtu)?;
        let tap = TAP.with_borrow(Clone::clone);
        Ok(match tap {
            Some(tap) => Box::new(Tapped { inner, tap }),
            None => inner,
        })
    }
}

#[derive(Debug)]
struct Tapped {
    inner: Box<dyn DtlsInstance>,
    tap: KeyTap,
}

// A session that has panicked is dropped whole, its DTLS with it.
impl UnwindSafe for Tapped {}
impl RefUnwindSafe for Tapped {}

impl DtlsInstance for Tapped {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            self.tap.put(Exported {
                profile: *profile,
                material: Zeroizing::new(material.as_ref().to_vec()),
                is_client: self.inner.is_active(),
            });
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}
