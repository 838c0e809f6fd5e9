package weft.vmhost.hart;

import java.util.List;

/// A fence that is asked of several harts, from any thread. All are asked before the first is
/// waited for: a hart whose thread waits for a processor of the host is waited for while the others
/// answer, not after them.
public enum RemoteFence {
    /// `sfence.vma`: every later translation sees the page tables as written so far.
    TRANSLATIONS(HartRequests.FLUSH_TRANSLATIONS),

    /// `fence.i`: every later fetch sees what was stored so far.
    INSTRUCTIONS(HartRequests.FENCE_INSTRUCTIONS);

    private final int request;

    RemoteFence(int request) {
        this.request = request;
    }

    /// Returns when the fence holds on all of them.
    public void on(List<Hart> harts) {
        for (Hart hart : harts) {
            hart.requests().ask(request);
        }
        for (Hart hart : harts) {
            hart.awaitAnswer(request);
        }
    }
}
