/// The story of `weft demo`, told and checked: [weft.ops.demo.Story] begins it and has the chapters
/// in order, [weft.ops.demo.DemoFabric] is what they happen in, [weft.ops.demo.GuestShell] types
/// into guests, [weft.ops.demo.Narrator] prints. The system test runs the same story. Nothing here
/// knows how a fabric works: it sees what a user sees.
@NullMarked
package weft.ops.demo;

import org.jspecify.annotations.NullMarked;
