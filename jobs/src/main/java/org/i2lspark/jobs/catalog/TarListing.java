package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarFile;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.catalog.TarCatalog.Part;
import org.i2lspark.jobs.storage.MemberImage;
import org.i2lspark.jobs.storage.Retries;
import org.i2lspark.jobs.storage.Storage;

/** Collects the styles of a tar archive from its headers. */
final class TarListing {
    private static final int RECORD_BYTES = 512;
    private static final int BLOCK_BYTES = 20 * RECORD_BYTES;

    private final String archive;
    private final Map<String, MemberImage> images = new TreeMap<>();
    private PassedOver passedOver = PassedOver.NOTHING;

    TarListing(String archive) {
        this.archive = archive;
    }

    /** A part for each style, and one more for what else there is to say. An archive that is damaged is no catalog. */
    List<Part> parts(Storage storage) throws IOException {
        String problem = Retries.run(() -> {
            images.clear();
            passedOver = PassedOver.NOTHING;
            try (SeekableByteChannel file = storage.open(new Path(archive))) {
                return list(new StoreChannel(file));
            }
        });
        List<Part> parts = new ArrayList<>();
        if (problem == null) {
            images.values().stream()
                    .collect(Collectors.groupingBy(TarListing::styleId, TreeMap::new, Collectors.toList()))
                    .forEach((id, members) -> parts.add(new Part(id, brand(id), members, PassedOver.NOTHING, null)));
        }
        parts.add(new Part(null, null, List.of(), passedOver, problem));
        return parts;
    }

    /** Gives what is wrong with the archive; null when nothing is. */
    private String list(StoreChannel file) throws IOException {
        long size = file.size();
        try (TarFile tar = new TarFile(file, BLOCK_BYTES, RECORD_BYTES, StandardCharsets.UTF_8.name(), false)) {
            for (TarArchiveEntry entry : tar.getEntries()) {
                if (!entry.isCheckSumOK()) {
                    return "%s is damaged: the header of %s does not have its checksum"
                            .formatted(archive, entry.getName());
                }
                if (entry.getDataOffset() + entry.getSize() > size) {
                    return "%s is cut off within %s".formatted(archive, entry.getName());
                }
                add(entry);
            }
            return null;
        } catch (IOException | RuntimeException e) {
            if (file.failure != null) {
                throw file.failure;
            }
            return "%s is no tar archive, or is damaged or cut off: %s".formatted(archive, e.getMessage());
        }
    }

    private void add(TarArchiveEntry entry) {
        String member = Stream.of(entry.getName().split("/"))
                .filter(name -> !name.isEmpty() && !name.equals("."))
                .collect(Collectors.joining("/"));
        if (entry.isDirectory() || Stream.of(member.split("/")).anyMatch(FolderCatalog::isPassedOver)) {
            return;
        }
        boolean plain = entry.isFile() && !entry.isLink() && !entry.isSymbolicLink() && !entry.isSparse();
        if (plain && FolderCatalog.isNamedLikeAnImage(member)) {
            // a later member of the same name replaces the earlier
            images.put(member, new MemberImage(archive, member, entry.getDataOffset(), entry.getSize()));
        } else {
            passedOver = passedOver.plus(PassedOver.file(archive + "#" + member));
        }
    }

    private static String styleId(MemberImage image) {
        String member = image.member();
        int slash = member.lastIndexOf('/');
        return member.substring(0, slash < 0 ? member.indexOf('.') : slash);
    }

    private static String brand(String id) {
        int slash = id.indexOf('/');
        return slash < 0 ? null : id.substring(0, slash);
    }

    /** Remembers what the store failed with, to tell it from an archive that is damaged. */
    private static final class StoreChannel implements SeekableByteChannel {
        private final SeekableByteChannel file;
        private IOException failure;

        StoreChannel(SeekableByteChannel file) {
            this.file = file;
        }

        @Override
        public int read(ByteBuffer destination) throws IOException {
            try {
                return file.read(destination);
            } catch (IOException e) {
                failure = e;
                throw e;
            }
        }

        @Override
        public long position() throws IOException {
            return file.position();
        }

        @Override
        public SeekableByteChannel position(long position) throws IOException {
            file.position(position);
            return this;
        }

        @Override
        public long size() throws IOException {
            return file.size();
        }

        @Override
        public int write(ByteBuffer source) {
            throw new NonWritableChannelException();
        }

        @Override
        public SeekableByteChannel truncate(long size) {
            throw new NonWritableChannelException();
        }

        @Override
        public boolean isOpen() {
            return file.isOpen();
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }
}
