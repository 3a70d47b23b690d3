package org.i2lspark.jobs.frame;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.i2lspark.jobs.worker.StyleImage;
import org.i2lspark.jobs.worker.StyleStream.Request;

/** Rows of a style and an image, those of a style one after the other: the styles. */
final class StyleRows implements Iterator<Request<Row>> {
    static final int STYLE = 0;
    static final int IMAGE = 1;

    private final Iterator<Row> rows;
    private final int mostImages;
    private Row next;

    /**
     * The styles of a partition.
     *
     * @param mostImages of a style; only the count of more matters, and they are not kept
     */
    StyleRows(Iterator<Row> rows, int mostImages) {
        this.rows = rows;
        this.mostImages = mostImages;
        advance();
    }

    private void advance() {
        next = rows.hasNext() ? rows.next() : null;
    }

    @Override
    public boolean hasNext() {
        return next != null;
    }

    @Override
    public Request<Row> next() {
        if (next == null) {
            throw new NoSuchElementException();
        }
        Object style = next.get(STYLE);
        List<StyleImage> images = new ArrayList<>();
        while (next != null && Objects.deepEquals(next.get(STYLE), style)) {
            images.add(ImageValues.image(images.size() < mostImages ? next.get(IMAGE) : null, images.size()));
            advance();
        }
        return new Request<>(RowFactory.create(style), images);
    }
}
