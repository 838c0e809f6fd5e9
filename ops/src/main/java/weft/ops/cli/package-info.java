/// The command line: one class per command, registered in [weft.ops.cli.Weft]; the only room that
/// sees picocli. What a command does lives elsewhere; here are words, options, tables and errors.
///
/// Read [weft.ops.cli.Weft], then [weft.ops.cli.Output] and [weft.ops.cli.CliFailure]: every
/// command prints through the one and fails through the other. A command is a class annotated with
/// `@Command(name, description, footer = an example)`: one that works in a fabric extends
/// [weft.ops.cli.FabricCommand], any other has an `@Mixin Output` and implements
/// `Callable<Integer>` or `Runnable`.
@NullMarked
package weft.ops.cli;

import org.jspecify.annotations.NullMarked;
