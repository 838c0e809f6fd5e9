/// Everything a person or an operator touches: the CLI, the control loop, whole-fabric runs.
@NullMarked
package weft.ops;

import org.jspecify.annotations.NullMarked;
