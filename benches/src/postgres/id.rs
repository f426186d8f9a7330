//! UUIDs as the server takes them.

use std::time::{SystemTime, UNIX_EPOCH};

use parlor_core::Uuid;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo};
use sqlx::{Postgres, Type};

use crate::Result;

/// A UUID, in the engine's binary form.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub Uuid);

impl Id {
    /// Random but for its beginning, which grows with time as that of the store's ids does.
    ///
    /// # Errors
    /// When the clock is before 1970.
    pub fn draw() -> Result<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives entropy");
        bytes[..8].copy_from_slice(&(since.as_micros() as u64).to_be_bytes());
        Ok(Self(Uuid::from_bytes(bytes)))
    }
}

impl Type<Postgres> for Id {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2950))
    }
}

impl Encode<'_, Postgres> for Id {
    fn encode_by_ref(
        &self,
        into: &mut PgArgumentBuffer,
    ) -> std::result::Result<IsNull, BoxDynError> {
        into.extend(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

impl PgHasArrayType for Id {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2951))
    }
}
