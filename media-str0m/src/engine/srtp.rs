//! SRTP and SRTCP of one leg, outwards, for the AES-GCM profiles (RFC 3711, RFC 7714).

use str0m::crypto::dtls::SrtpProfile;
use str0m::crypto::{
    AeadAes128Gcm, AeadAes128GcmCipher, AeadAes256GcmCipher, CryptoProvider, SrtpProvider,
};
use zeroize::Zeroizing;

use super::keys::Exported;

/// What sealing adds to an RTP packet: the tag (RFC 7714 §13.2).
pub(super) const TAG_LEN: usize = AeadAes128Gcm::TAG_LEN;

const SALT_LEN: usize = AeadAes128Gcm::SALT_LEN;
const SRTCP_HEADER_LEN: usize = 8;
const SRTCP_INDEX_LEN: usize = 4;

/// Encrypted, in the word that carries the SRTCP index (RFC 3711 §3.4).
const E_BIT: u32 = 1 << 31;

/// str0m counts its own SRTCP packets of the leg from 1 under the same key; ours start here, so
/// that the two never meet, even if they ever shared an SSRC.
const SRTCP_INDEX_FIRST: u32 = 1 << 30;

/// Seals what the engine sends on streams that str0m does not know of.
///
/// A nonce is made of SSRC and packet index, and must never be used twice under a key (RFC 7714
/// §8.3). [`Slot`](super::slot::Slot) gives every index once; the SRTCP index is counted here and
/// ends the lane before it wraps.
pub(super) struct Sealer {
    rtp: Cipher,
    rtp_salt: [u8; SALT_LEN],
    rtcp: Cipher,
    rtcp_salt: [u8; SALT_LEN],
    rtcp_index: u32,
}

enum Cipher {
    Aes128(Box<dyn AeadAes128GcmCipher>),
    Aes256(Box<dyn AeadAes256GcmCipher>),
}

/// The cipher has refused; the leg cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsealed;

impl Sealer {
    /// `None` for a profile without GCM: str0m then writes for this leg.
    pub(super) fn new(exported: &Exported, crypto: &CryptoProvider) -> Option<Self> {
        let key_len = match exported.profile {
            SrtpProfile::AEAD_AES_128_GCM => 16,
            SrtpProfile::AEAD_AES_256_GCM => 32,
            _ => return None,
        };
        let master = Master::of(exported, key_len)?;
        let srtp = crypto.srtp_provider;
        let cipher = |label| {
            let key = master.derive(srtp, label, key_len);
            if let Ok(key) = <[u8; 16]>::try_from(key.as_slice()) {
                let key = Zeroizing::new(key);
                return Some(Cipher::Aes128(srtp.aead_aes_128_gcm().create_cipher(*key, true)));
            }
            let key = Zeroizing::new(<[u8; 32]>::try_from(key.as_slice()).ok()?);
            Some(Cipher::Aes256(srtp.aead_aes_256_gcm().create_cipher(*key, true)))
        };
        let salt = |label| -> Option<[u8; SALT_LEN]> {
            master.derive(srtp, label, SALT_LEN).as_slice().try_into().ok()
        };
        Some(Self {
            rtp: cipher(LABEL_RTP_KEY)?,
            rtp_salt: salt(LABEL_RTP_SALT)?,
            rtcp: cipher(LABEL_RTCP_KEY)?,
            rtcp_salt: salt(LABEL_RTCP_SALT)?,
            rtcp_index: SRTCP_INDEX_FIRST,
        })
    }

    /// Appends header, encrypted payload and tag. `index` is the sequence number, extended by
    /// the rollover counter; its low half must be the one in the header.
    pub(super) fn seal_rtp(
        &mut self,
        header: &[u8],
        payload: &[u8],
        ssrc: u32,
        index: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsealed> {
        let roc = u32::try_from((index >> 16) & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let iv = AeadAes128Gcm::rtp_iv(self.rtp_salt, ssrc, roc, index as u16);
        out.extend_from_slice(header);
        let start = out.len();
        out.resize(start + payload.len() + TAG_LEN, 0);
        self.rtp.encrypt(&iv, header, payload, &mut out[start..])
    }

    /// Appends a compound RTCP packet of `ssrc`, encrypted, with its index.
    pub(super) fn seal_rtcp(
        &mut self,
        packet: &[u8],
        ssrc: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsealed> {
        if self.rtcp_index >= E_BIT - 1 {
            return Err(Unsealed);
        }
        self.rtcp_index += 1;
        let index = self.rtcp_index | E_BIT;
        let iv = AeadAes128Gcm::rtcp_iv(self.rtcp_salt, ssrc, self.rtcp_index);
        let (header, body) = packet.split_at_checked(SRTCP_HEADER_LEN).ok_or(Unsealed)?;
        // Header and index are authenticated in the clear (RFC 7714 §9.2).
        let mut associated = [0; SRTCP_HEADER_LEN + SRTCP_INDEX_LEN];
        associated[..SRTCP_HEADER_LEN].copy_from_slice(header);
        associated[SRTCP_HEADER_LEN..].copy_from_slice(&index.to_be_bytes());
        out.extend_from_slice(header);
        let start = out.len();
        out.resize(start + body.len() + TAG_LEN, 0);
        self.rtcp.encrypt(&iv, &associated, body, &mut out[start..])?;
        out.extend_from_slice(&index.to_be_bytes());
        Ok(())
    }
}

impl Cipher {
    fn encrypt(
        &mut self,
        iv: &[u8; AeadAes128Gcm::IV_LEN],
        associated: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), Unsealed> {
        match self {
            Self::Aes128(cipher) => cipher.encrypt(iv, associated, input, output),
            Self::Aes256(cipher) => cipher.encrypt(iv, associated, input, output),
        }
        .map_err(|_| Unsealed)
    }
}

const LABEL_RTP_KEY: u8 = 0;
const LABEL_RTP_SALT: u8 = 2;
const LABEL_RTCP_KEY: u8 = 3;
const LABEL_RTCP_SALT: u8 = 5;

/// RFC 3711 §4.3.1.
const KDF_SALT_LEN: usize = 14;

/// The master key and salt we send with.
struct Master {
    key: Zeroizing<Vec<u8>>,
    /// Filled up with zeros to what the key derivation takes.
    salt: Zeroizing<[u8; KDF_SALT_LEN]>,
}

impl Master {
    fn of(exported: &Exported, key_len: usize) -> Option<Self> {
        let material = &exported.material;
        if material.len() != 2 * (key_len + SALT_LEN) {
            return None;
        }
        let (keys, salts) = material.split_at(2 * key_len);
        let (key, salt) = match exported.is_client {
            true => (&keys[..key_len], &salts[..SALT_LEN]),
            false => (&keys[key_len..], &salts[SALT_LEN..]),
        };
        let mut filled = Zeroizing::new([0; KDF_SALT_LEN]);
        filled[..SALT_LEN].copy_from_slice(salt);
        Some(Self { key: Zeroizing::new(key.to_vec()), salt: filled })
    }

    /// AES in counter mode (RFC 3711 §4.3.3), with the key derivation rate 0.
    fn derive(&self, srtp: &dyn SrtpProvider, label: u8, len: usize) -> Zeroizing<Vec<u8>> {
        let mut block = Zeroizing::new([0; 16]);
        block[..KDF_SALT_LEN].copy_from_slice(&*self.salt);
        block[7] ^= label;
        let mut derived = Zeroizing::new(Vec::with_capacity(len + 16));
        // The block cipher of the crypto library appends a block of padding.
        let mut output = Zeroizing::new([0; 32]);
        for counter in 0_u16.. {
            if derived.len() >= len {
                break;
            }
            block[KDF_SALT_LEN..].copy_from_slice(&counter.to_be_bytes());
            match self.key.len() {
                16 => srtp.srtp_aes_128_ecb_round(&self.key, &*block, &mut *output),
                _ => srtp.srtp_aes_256_ecb_round(&self.key, &*block, &mut *output),
            }
            derived.extend_from_slice(&output[..16]);
        }
        derived.truncate(len);
        derived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711 appendix B.3.
    #[test]
    fn keys_are_derived_as_the_standard_says() {
        let crypto = str0m::crypto::from_feature_flags();
        let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6").try_into().unwrap();
        let master = Master { key: Zeroizing::new(key), salt: Zeroizing::new(salt) };
        let derive = |label, len| master.derive(crypto.srtp_provider, label, len).to_vec();
        assert_eq!(derive(LABEL_RTP_KEY, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derive(LABEL_RTP_SALT, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    }

    fn hex(text: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn the_srtcp_index_never_wraps() {
        let crypto = str0m::crypto::from_feature_flags();
        let exported = Exported {
            profile: SrtpProfile::AEAD_AES_128_GCM,
            material: Zeroizing::new((0..56).collect()),
            is_client: false,
        };
        let mut sealer = Sealer::new(&exported, &crypto).unwrap();
        let mut out = Vec::new();
        sealer.seal_rtcp(&[0; 28], 7, &mut out).unwrap();
        assert_eq!(out.len(), 28 + TAG_LEN + SRTCP_INDEX_LEN);
        assert_eq!(out[out.len() - 4..], (E_BIT | (SRTCP_INDEX_FIRST + 1)).to_be_bytes());
        sealer.rtcp_index = E_BIT - 2;
        assert_eq!(sealer.seal_rtcp(&[0; 28], 7, &mut out), Ok(()));
        assert_eq!(sealer.seal_rtcp(&[0; 28], 7, &mut out), Err(Unsealed));
    }
}
