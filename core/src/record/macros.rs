//! The two macros whose use sites are the schema.

/// Declares a table: a struct, its key, its columns, and what stores must know about it.
///
/// ```text
/// record! {
///     /// Who may not enter a room.
///     pub Ban in "ban" [room_id: RoomId, user_id: UserId] {
///         /// When it was said.
///         at: Timestamp,
///     }
///     guarded_by |key| Some(Room::wrap_key(key.0));
///     within |row| Room::wrap_key(row.room_id);
///     index ban_by_time (room_id, at, user_id);
///     is append_only;
/// }
/// ```
///
/// After the columns, in this order and each optional: `guarded_by`, `within`, any number of
/// `index name (columns) [where column is [not] null];` and `unique …`, `text column;`,
/// `fixed (columns);`, `hot (columns);`, and `is on_refusal;` or `is append_only;`.
#[macro_export]
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub $name:ident in $table:literal
        [$($(#[$key_meta:meta])* $key:ident: $key_type:ty),+ $(,)?]
        { $($(#[$column_meta:meta])* $column:ident: $column_type:ty),* $(,)? }
        $(guarded_by $guard:expr;)?
        $(within $within:expr;)?
        $(index $index:ident ($($indexed:ident),+) $(where $only:ident is $($is:ident)+)?;)*
        $(unique $unique:ident ($($uniquely:ident),+) $(where $unique_only:ident is $($unique_is:ident)+)?;)*
        $(text $text:ident;)?
        $(fixed ($($fixed:ident),+);)?
        $(hot ($($hot:ident),+);)?
        $(is $flag:ident;)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$key_meta])* #[doc = concat!("Key column `", stringify!($key), "`.")] pub $key: $key_type,)+
            $($(#[$column_meta])* pub $column: $column_type,)*
        }

        impl $crate::record::Record for $name {
            type Key = $crate::record!(@key $($key_type),+);

            const TABLE: &'static $crate::record::TableDef = &$crate::record::TableDef::new(
                $table,
                &[$($crate::record!(@column $key: $key_type)),+],
                &[$($crate::record!(@column $column: $column_type)),*],
                &[
                    $($crate::record::IndexDef {
                        name: stringify!($index),
                        columns: &[$(stringify!($indexed)),+],
                        unique: false,
                        only: $crate::record!(@only $($only $($is)+)?),
                    },)*
                    $($crate::record::IndexDef {
                        name: stringify!($unique),
                        columns: &[$(stringify!($uniquely)),+],
                        unique: true,
                        only: $crate::record!(@only $($unique_only $($unique_is)+)?),
                    },)*
                ],
            )
            $(.text(stringify!($text)))?
            $(.within($crate::record!(@true $within)))?
            $(.fixed(&[$(stringify!($fixed)),+]))?
            $(.hot(&[$(stringify!($hot)),+]))?
            $(.$flag())*;

            fn key(&self) -> Self::Key {
                $crate::record!(@take self $($key),+)
            }

            fn key_values(key: &Self::Key) -> Vec<$crate::record::Value> {
                let $crate::record!(@bind $($key),+) = key;
                vec![$($crate::record::Column::encode($key)),+]
            }

            fn values(&self) -> Vec<$crate::record::Value> {
                vec![$($crate::record::Column::encode(&self.$column)),*]
            }

            fn decode(
                values: &mut dyn Iterator<Item = $crate::record::Value>,
            ) -> Result<Self, $crate::record::Corrupt> {
                let mut next = || values.next().ok_or($crate::record::Corrupt::short($table));
                Ok(Self {
                    $($key: $crate::record::Column::decode(next()?)?,)+
                    $($column: $crate::record::Column::decode(next()?)?,)*
                })
            }

            $(fn guard(key: &Self::Key) -> Option<$crate::tables::Key> {
                let guard: fn(&Self::Key) -> Option<$crate::tables::Key> = $guard;
                guard(key)
            })?

            $(fn within(&self) -> Option<$crate::tables::Key> {
                let within: fn(&Self) -> $crate::tables::Key = $within;
                Some(within(self))
            })?

            $(fn differs_in_hot_only(&self, before: &Self) -> bool {
                Self { $($hot: self.$hot.clone(),)+ ..before.clone() } == *self
            }

            fn hot_values(&self) -> Vec<$crate::record::Value> {
                vec![$($crate::record::Column::encode(&self.$hot)),+]
            })?
        }
    };

    (@column $name:ident: $type:ty) => {
        $crate::record::ColumnDef {
            name: stringify!($name),
            kind: <$type as $crate::record::Column>::KIND,
            optional: <$type as $crate::record::Column>::OPTIONAL,
        }
    };
    (@true $($any:tt)*) => { true };
    (@only) => { None };
    (@only $column:ident null) => { Some($crate::record::Only::Null(stringify!($column))) };
    (@only $column:ident not null) => { Some($crate::record::Only::NotNull(stringify!($column))) };
    (@key $type:ty) => { $type };
    (@key $($type:ty),+) => { ($($type),+) };
    (@take $row:ident $key:ident) => { $row.$key.clone() };
    (@take $row:ident $($key:ident),+) => { ($($row.$key.clone()),+) };
    (@bind $key:ident) => { $key };
    (@bind $($key:ident),+) => { ($($key),+) };
}

/// Lists every table in foreign-key order, which is also the order of locks and of writes, and
/// makes the enums `Key` and `Row` over them.
#[macro_export]
macro_rules! tables {
    ($($name:ident),+ $(,)?) => {
        /// The key of a row of any table. Keys sort by table, in the order of the list, then by
        /// value: the order in which every store takes locks.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "a variant a table, documented there")]
        pub enum Key { $($name(<$name as $crate::record::Record>::Key)),+ }

        /// A row of any table. Boxed, because rows are moved more often than they are read.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "a variant a table, documented there")]
        pub enum Row { $($name(Box<$name>)),+ }

        /// Every table, in foreign-key order.
        pub const TABLES: &[&$crate::record::TableDef] =
            &[$(<$name as $crate::record::Record>::TABLE),+];

        impl Key {
            /// The table the key belongs to.
            pub fn table(&self) -> &'static $crate::record::TableDef {
                match self { $(Self::$name(_) => <$name as $crate::record::Record>::TABLE),+ }
            }

            /// Where its table stands in [`TABLES`].
            pub fn table_index(&self) -> usize {
                #[derive(Clone, Copy)]
                enum Index { $($name),+ }
                match self { $(Self::$name(_) => Index::$name as usize),+ }
            }

            /// The key's columns.
            pub fn values(&self) -> Vec<$crate::record::Value> {
                match self { $(Self::$name(key) => <$name as $crate::record::Record>::key_values(key)),+ }
            }

            /// The row that guards the absence of this one, if its table is guarded.
            pub fn guard(&self) -> Option<Key> {
                match self { $(Self::$name(key) => <$name as $crate::record::Record>::guard(key)),+ }
            }
        }

        impl Row {
            /// The row's key.
            pub fn key(&self) -> Key {
                match self { $(Self::$name(row) => Key::$name($crate::record::Record::key(&**row))),+ }
            }

            /// Where its table stands in [`TABLES`].
            pub fn table_index(&self) -> usize {
                #[derive(Clone, Copy)]
                enum Index { $($name),+ }
                match self { $(Self::$name(_) => Index::$name as usize),+ }
            }

            /// The table the row belongs to.
            pub fn table(&self) -> &'static $crate::record::TableDef {
                match self { $(Self::$name(_) => <$name as $crate::record::Record>::TABLE),+ }
            }

            /// The columns beside the key.
            pub fn values(&self) -> Vec<$crate::record::Value> {
                match self { $(Self::$name(row) => $crate::record::Record::values(&**row)),+ }
            }

            /// The row that has to be owned by whoever writes this one.
            pub fn within(&self) -> Option<Key> {
                match self { $(Self::$name(row) => $crate::record::Record::within(&**row)),+ }
            }

            /// Whether it is this row with other values in hot columns, if at all.
            pub fn differs_in_hot_only(&self, before: &Row) -> bool {
                match (self, before) {
                    $((Self::$name(row), Self::$name(before)) => {
                        $crate::record::Record::differs_in_hot_only(&**row, before)
                    })+
                    _ => false,
                }
            }

            /// The hot columns, in the order of [`TableDef::hot`](crate::record::TableDef::hot).
            pub fn hot_values(&self) -> Vec<$crate::record::Value> {
                match self { $(Self::$name(row) => $crate::record::Record::hot_values(&**row)),+ }
            }

            /// A row of `table` from the values of all its columns, key first.
            ///
            /// # Errors
            /// `Corrupt` when the values do not fit, or the table is not one of [`TABLES`].
            pub fn decode(
                table: &$crate::record::TableDef,
                values: &mut dyn Iterator<Item = $crate::record::Value>,
            ) -> Result<Row, $crate::record::Corrupt> {
                $(if table.name == <$name as $crate::record::Record>::TABLE.name {
                    return <$name as $crate::record::Record>::decode(values).map(Row::from);
                })+
                Err($crate::record::Corrupt { what: "row", why: "no such table".into() })
            }
        }

        $(
            impl From<$name> for Row {
                fn from(row: $name) -> Row { Row::$name(Box::new(row)) }
            }

            impl $crate::record::Stored for $name {
                fn wrap_key(key: Self::Key) -> Key { Key::$name(key) }

                fn from_row(row: &Row) -> Option<&Self> {
                    if let Row::$name(row) = row { Some(&**row) } else { None }
                }

                fn take_row(row: Row) -> Option<Self> {
                    if let Row::$name(row) = row { Some(*row) } else { None }
                }
            }
        )+
    };
}
