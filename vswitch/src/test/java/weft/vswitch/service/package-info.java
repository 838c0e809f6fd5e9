@NullMarked
package weft.vswitch.service;

import org.jspecify.annotations.NullMarked;
