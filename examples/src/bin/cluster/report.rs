use std::fmt;

use serde::Serialize;

/// How much longer than the lease a takeover may take, in milliseconds.
const MARGIN_MS: u64 = 2_000;

/// What was seen.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) participants: usize,
    /// How long a silent server keeps its rooms.
    pub(crate) lease_ms: u64,
    /// From the kill until the last one heard somebody again.
    pub(crate) takeover_ms: u64,
    /// A mute by one server silenced somebody on the other.
    pub(crate) moderated_across_nodes: bool,
    /// Everybody came back into the same stay.
    pub(crate) same_participants: bool,
    /// Commands that were acknowledged meanwhile.
    pub(crate) acknowledged: usize,
    /// Those among them that have not happened, or not once.
    pub(crate) lost_commits: usize,
    /// Events that are in the feed twice, or were read twice by somebody who followed it.
    pub(crate) duplicate_events: usize,
    /// Events that they were not told of.
    pub(crate) skipped_events: usize,
}

impl Report {
    /// The promises that were broken, as sentences.
    pub(crate) fn broken(&self) -> Vec<String> {
        let at_most = self.lease_ms + MARGIN_MS;
        let promises = [
            (self.takeover_ms <= at_most, format!("a takeover takes at most {at_most} ms")),
            (self.moderated_across_nodes, "a mute reaches the other server".into()),
            (self.same_participants, "everybody comes back into the same stay".into()),
            (self.acknowledged > 0, "somebody is served".into()),
            (self.lost_commits == 0, "what was acknowledged has happened, once".into()),
            (self.duplicate_events == 0, "no event is told twice".into()),
            (self.skipped_events == 0, "no event is skipped".into()),
        ];
        promises.into_iter().filter(|(is_kept, _)| !is_kept).map(|(_, promise)| promise).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |it: bool| if it { "yes" } else { "no" };
        writeln!(f, "Two servers on one PostgreSQL; the one with the room was killed.")?;
        writeln!(f)?;
        writeln!(f, "  {:<52} {:>8}", "people in the room", self.participants)?;
        writeln!(f, "  {:<52} {:>8}", "lease, in ms", self.lease_ms)?;
        let takeover = "from the kill until all heard somebody again, in ms";
        writeln!(f, "  {takeover:<52} {:>8}", self.takeover_ms)?;
        let moderated = "a mute by the other server silenced a speaker";
        writeln!(f, "  {moderated:<52} {:>8}", yes(self.moderated_across_nodes))?;
        let same = "everybody came back into the same stay";
        writeln!(f, "  {same:<52} {:>8}", yes(self.same_participants))?;
        writeln!(f, "  {:<52} {:>8}", "commands acknowledged meanwhile", self.acknowledged)?;
        writeln!(f, "  {:<52} {:>8}", "of these lost or done twice", self.lost_commits)?;
        writeln!(f, "  {:<52} {:>8}", "events told twice", self.duplicate_events)?;
        writeln!(f, "  {:<52} {:>8}", "events skipped", self.skipped_events)
    }
}
