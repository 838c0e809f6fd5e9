package weft.storage.replica;

import weft.fabric.Configuration;

/// How a compare-and-set of a configuration ended.
public sealed interface Proposal {
    /// The proposed configuration is in force.
    ///
    /// @param now as written, with control's `wanted`
    record Won(Configuration now) implements Proposal {}

    /// Another one is in force.
    record Lost(Configuration now) implements Proposal {}

    /// Nobody knows: the ensemble did not answer. The proposal may still come into force.
    record Unknown() implements Proposal {}
}
