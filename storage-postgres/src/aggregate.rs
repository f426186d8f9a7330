//! An [`Aggregate`] as SQL, and its groups from the answer.

use parlor_core::record::{Corrupt, Kind, Value};
use parlor_core::storage::{Aggregate, Answered, Bucket, Group, Measure, StoreError};
use sqlx::postgres::PgRow;

use crate::render::{Rendered, Scope};
use crate::value;

/// The statement that answers an aggregate: the columns of its groups, the number of the bucket,
/// then its measures. A sum is of the engine's wide numbers, as text.
pub(crate) fn render(aggregate: &Aggregate) -> Rendered {
    let mut out = Rendered::new();
    let mut columns: Vec<String> = aggregate.by.iter().map(ToString::to_string).collect();
    columns.extend(aggregate.bucket.map(number));
    let keys: Vec<_> = (1..=columns.len()).map(|n| n.to_string()).collect();
    columns.extend(aggregate.measures.iter().map(|measure| match measure {
        Measure::Rows => "count(*)".to_owned(),
        Measure::Count(column) => format!("count({column})"),
        Measure::Sum(column) => format!("sum({column}::numeric)::text"),
        Measure::Min(column) => format!("min({column})"),
        Measure::Max(column) => format!("max({column})"),
        Measure::Distinct(column) => format!("count(DISTINCT {column})"),
    }));
    let table = aggregate.table;
    out.text(&["SELECT ", &columns.join(", "), " FROM ", table.name, " WHERE "]);
    out.closed(&aggregate.filter, &Scope::of(table));
    if !keys.is_empty() {
        let sorted = keys.iter().map(|key| format!("{key} NULLS FIRST")).collect::<Vec<_>>();
        out.text(&[" GROUP BY ", &keys.join(", "), " ORDER BY ", &sorted.join(", ")]);
    }
    out.text(&[" LIMIT "]);
    out.hole(&Value::Int(aggregate.limit.into()));
    out
}

/// The number of the bucket that a time falls into. The engine's `infinity` stands for the largest
/// number. The width is written out, not a parameter: grouping has to see that it is the same in
/// both places.
fn number(bucket: Bucket) -> String {
    let Bucket { column, width_us } = bucket;
    let (last, first) = (i64::MAX.div_euclid(width_us), i64::MIN.div_euclid(width_us));
    format!(
        "CASE {column} WHEN 'infinity' THEN {last} WHEN '-infinity' THEN ({first}) \
         ELSE floor(extract(epoch FROM {column}) * 1000000 / {width_us}) END::bigint"
    )
}

/// One group, whose columns come in the order in which [`render`] names them.
pub(crate) fn group(aggregate: &Aggregate, row: &PgRow) -> Result<Group, StoreError> {
    let mut at = 0..;
    let mut next = |kind: Kind| {
        let found = value::column(kind, row, at.next().unwrap_or_default());
        found.ok_or(StoreError::Corrupt(Corrupt { what: "group", why: "it is short".into() }))
    };
    aggregate.group(|answered| match answered {
        Answered::Of(kind) => next(kind),
        Answered::Sum => match next(Kind::Text)? {
            Value::Text(sum) => {
                let sum = sum.parse().map_err(|_| StoreError::Overflow(aggregate.name))?;
                Ok(Value::Int(sum))
            }
            _ => Ok(Value::Int(0)),
        },
    })
}

#[cfg(test)]
mod tests {
    use parlor_core::col;
    use parlor_core::rooms::{Participant, RoomId};
    use parlor_core::storage::Summary;

    use super::*;

    #[test]
    fn an_aggregate_groups_sorts_and_measures() {
        let by_day = Summary::<Participant>::new("any")
            .filter(col!(Participant.room_id).is(RoomId(parlor_core::Uuid::nil())))
            .group(col!(Participant.role))
            .daily(col!(Participant.joined_at))
            .rows()
            .count(col!(Participant.left_at))
            .sum(col!(Participant.epoch))
            .min(col!(Participant.joined_at))
            .distinct(col!(Participant.user_id))
            .limit(31);
        let Rendered { sql, parameters } = render(by_day.aggregate());
        assert_eq!(
            sql,
            "SELECT role, CASE joined_at WHEN 'infinity' THEN 106751991 WHEN '-infinity' THEN \
             (-106751992) ELSE floor(extract(epoch FROM joined_at) * 1000000 / 86400000000) \
             END::bigint, count(*), count(left_at), sum(epoch::numeric)::text, min(joined_at), \
             count(DISTINCT user_id) FROM participant WHERE room_id = $1 GROUP BY 1, 2 \
             ORDER BY 1 NULLS FIRST, 2 NULLS FIRST LIMIT $2"
        );
        assert_eq!(parameters.len(), 2);

        let all = Summary::<Participant>::new("any").max(col!(Participant.epoch));
        let sql = render(all.aggregate()).sql;
        assert_eq!(sql, "SELECT max(epoch) FROM participant WHERE TRUE LIMIT $1");
    }
}
