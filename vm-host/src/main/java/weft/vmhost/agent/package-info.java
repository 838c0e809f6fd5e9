/// The host's agent: what the fabric wants of this host becomes running machines.
///
/// Reading order: `HostAgent` looks at the fabric's image and gives each VM to its `VmRunner`, a
/// thread that does one thing after the other; [weft.vmhost.agent.Claims] are the commits that
/// decide who runs a VM.
@NullMarked
package weft.vmhost.agent;

import org.jspecify.annotations.NullMarked;
