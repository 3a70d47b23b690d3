package org.i2lspark.torch;

import ai.djl.engine.EngineException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The order in which a GPU does things. What threads ask of a GPU is done one after the other, in one stream, unless a
 * thread takes a stream of its own: then its work and that of others may run side by side.
 *
 * <p>Streams do not wait for each other. Threads may hand each other what was copied to the host, since such a copy ends
 * when its bytes are there, and what {@link #finish} was called for, as weights; never a tensor that is still computed.
 */
public final class DeviceStream {
    private static final Logger log = LoggerFactory.getLogger(DeviceStream.class);

    /** Loaded when a GPU is first used. */
    private static final class Streams {
        static final Optional<Graph> GRAPH = load();

        private static Optional<Graph> load() {
            try {
                return Optional.of(Graph.load(DeviceStream.class, "device_stream.py"));
            } catch (EngineException | IllegalStateException e) {
                log.warn("This libtorch offers no CUDA streams; what threads ask of a GPU takes turns", e);
                return Optional.empty();
            }
        }
    }

    private DeviceStream() {}

    /**
     * Gives the calling thread a stream of its own for all that it asks of this GPU from now on. Does nothing on the CPU,
     * where threads have no order among each other anyway.
     */
    public static void ofThisThread(TorchDevice device) {
        if (!device.isCpu()) {
            Streams.GRAPH.ifPresent(graph -> graph.execute("take", device));
        }
    }

    /**
     * Waits until the GPU has done all that any thread asked of it, so that others may use what it made. Nothing needs to be
     * waited for on the CPU, nor where all threads share one stream.
     */
    public static void finish(TorchDevice device) {
        if (!device.isCpu()) {
            Streams.GRAPH.ifPresent(graph -> graph.execute("synchronize", device));
        }
    }
}
