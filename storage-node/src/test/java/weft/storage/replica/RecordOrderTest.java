package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import org.junit.jupiter.api.Test;

import weft.fabric.Configuration;
import weft.fabric.Member;

import java.util.List;

/// Control changes what is wanted without a new version.
class RecordOrderTest {
    private static final Member A = DrivenReplica.member(1);
    private static final Member B = DrivenReplica.member(2);
    private static final Configuration OLD = DrivenReplica.configuration(5, A, List.of(A));
    private static final Configuration NEW = OLD.withWanted(List.of(A.store(), B.store()));

    private final RecordOrder order = new RecordOrder();

    @Test
    void anEarlierRecordOfTheSameVersionTellsNothing() {
        assertSame(NEW, order.newer(NEW, 9));
        assertSame(NEW, order.newer(OLD, 8));
        assertEquals(new Proposal.Lost(NEW), order.newer(new Proposal.Lost(OLD), 8));
        assertEquals(new Proposal.Won(NEW), order.newer(new Proposal.Won(OLD), 7));
    }

    @Test
    void anEarlierVersionIsToldAndDoesNotMakeTheLaterOneForgotten() {
        assertSame(NEW, order.newer(NEW, 9));
        Configuration before = DrivenReplica.configuration(4, A, List.of(A));
        assertSame(before, order.newer(before, 3));
        assertSame(NEW, order.newer(OLD, 8));
        Configuration after = DrivenReplica.configuration(6, A, List.of(A));
        assertSame(after, order.newer(after, 10));
    }
}
