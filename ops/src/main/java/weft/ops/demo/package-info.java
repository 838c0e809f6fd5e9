/// The story of `weft demo`, told and checked: [weft.ops.demo.Story] has the steps in order,
/// [weft.ops.demo.DemoFabric] what they happen in, [weft.ops.demo.GuestShell] types into guests,
/// [weft.ops.demo.Narrator] prints. The system test runs the same story.
@NullMarked
package weft.ops.demo;

import org.jspecify.annotations.NullMarked;
