/// Meters and the page on which Prometheus reads them. A meter is declared where it is counted,
/// named `weft_<module>_<noun>_<unit>`; this room only holds the registry and serves the page.
@NullMarked
package weft.metrics;

import org.jspecify.annotations.NullMarked;
