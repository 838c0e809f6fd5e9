/// Where copies belong: pure functions from the stores and the groups as they are to what every
/// group should want. No record is read or written here, and no clock is looked at.
///
/// ```text
///   Planner ──► FairShares   how much each store is to carry, and what a failure domain may have
///      │
///      └──────► Board        the copies as they are moved about
/// ```
@NullMarked
package weft.ops.placement;

import org.jspecify.annotations.NullMarked;
