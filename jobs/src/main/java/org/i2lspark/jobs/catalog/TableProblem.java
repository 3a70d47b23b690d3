package org.i2lspark.jobs.catalog;

import java.io.IOException;

/** Why a table cannot be used; its message follows the table's name. */
final class TableProblem extends IOException {
    private static final long serialVersionUID = 1L;

    TableProblem(String message) {
        super(message);
    }
}
