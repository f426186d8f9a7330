//! What an audit says, as people read it.
