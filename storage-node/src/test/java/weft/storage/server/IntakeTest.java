package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class IntakeTest {
    private final Intake intake = new Intake(100);

    @Test
    void whatFitsIsAdmittedUntilTheRestIsDone() {
        assertTrue(intake.admit(60));
        assertTrue(intake.admit(40));
        assertFalse(intake.admit(1));
        assertTrue(intake.admit(0), "what has no payload always is");
        intake.done(40);
        assertFalse(intake.admit(41), "what was refused is not counted");
        assertTrue(intake.admit(40));
    }

    @Test
    void aShareIsAQuarterAndCountsWithAll() {
        Intake first = intake.share();
        assertTrue(first.admit(20));
        assertFalse(first.admit(10), "more than its quarter");
        for (int i = 0; i < 3; i++) {
            assertTrue(intake.share().admit(25));
        }
        assertFalse(intake.share().admit(25), "more than all have");
        first.done(20);
        assertTrue(intake.share().admit(25));
    }

    @Test
    void oneIsAdmittedWhateverItsLength() {
        assertTrue(intake.admit(1_000));
        assertFalse(intake.admit(1));
        intake.done(1_000);
        assertTrue(intake.admit(1));
    }
}
