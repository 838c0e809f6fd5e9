/// A world that can be rewound: virtual time, one seed for every choice. Only simulators use it, no
/// code that serves; it ships because `weft bench simulate` does.
@NullMarked
package weft.sim;

import org.jspecify.annotations.NullMarked;
