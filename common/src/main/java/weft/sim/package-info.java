/// A world that can be rewound: virtual time, one seed for every choice. Test code only; no
/// production code imports it.
@NullMarked
package weft.sim;

import org.jspecify.annotations.NullMarked;
