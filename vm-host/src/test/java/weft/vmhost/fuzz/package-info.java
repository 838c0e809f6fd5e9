/// Jazzer against what a guest can reach: device registers, virtqueues, descriptor chains. The
/// inputs that are kept run in every build; docs/testing.md says how to search for more.
@NullMarked
package weft.vmhost.fuzz;

import org.jspecify.annotations.NullMarked;
