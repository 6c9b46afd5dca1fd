import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams: a plain {sku: quantity} cart a customer, in a store with a changelog, and the
 * cart as JSON for each event. One thread; every setting is Kafka Streams' default but for those
 * that are given.
 *
 * <p>Arguments: bootstrap, application id, input topic, output topic, processing guarantee, store
 * (memory or rocksdb), folder for state, folder of the events' schemas, milliseconds between
 * commits where that is not to be the default. When what was in the
 * changelog is back in the store it prints "restored NANOSECONDS".
 */
public final class Carts {
    private static final int PREFIX_BYTES = 10; // C3 01 and a fingerprint of 8 bytes

    private static final class KeepCarts implements Processor<String, byte[], String, byte[]> {
        private final Map<Long, GenericDatumReader<GenericRecord>> readers;
        private final ObjectMapper json = new ObjectMapper();
        private final TypeReference<HashMap<String, Long>> cartType = new TypeReference<>() {};
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> carts;
        private BinaryDecoder decoder;
        private GenericRecord event;

        KeepCarts(Map<Long, GenericDatumReader<GenericRecord>> readers) {
            this.readers = readers;
        }

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            carts = context.getStateStore("carts");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            try {
                byte[] value = record.value();
                long fingerprint =
                        ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).getLong(2);
                int length = value.length - PREFIX_BYTES;
                decoder = DecoderFactory.get().binaryDecoder(value, PREFIX_BYTES, length, decoder);
                event = readers.get(fingerprint).read(null, decoder);
                String subject = event.get("subject").toString();
                String sku = event.get("sku").toString();
                byte[] before = carts.get(subject);
                Map<String, Long> cart =
                        before == null ? new HashMap<>() : json.readValue(before, cartType);
                switch (event.getSchema().getName()) {
                    case "CartItemAdded" ->
                            cart.merge(sku, (Long) event.get("quantity"), Long::sum);
                    case "CartItemQuantitySet" -> cart.put(sku, (Long) event.get("quantity"));
                    case "CartItemRemoved" -> cart.remove(sku);
                    default -> throw new IllegalStateException(event.getSchema().getName());
                }
                byte[] after = json.writeValueAsBytes(cart);
                carts.put(subject, after);
                context.forward(record.withKey(subject).withValue(after));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    /** From the first partition's beginning to the last one's end, told once all of them serve. */
    private static final class Restored implements StateRestoreListener, KafkaStreams.StateListener {
        private final AtomicLong began = new AtomicLong();
        private final AtomicLong ended = new AtomicLong();

        @Override
        public void onRestoreStart(TopicPartition at, String store, long start, long end) {
            began.compareAndSet(0, System.nanoTime());
        }

        @Override
        public void onBatchRestored(TopicPartition at, String store, long end, long count) {}

        @Override
        public void onRestoreEnd(TopicPartition at, String store, long count) {
            ended.set(System.nanoTime());
        }

        @Override
        public void onChange(KafkaStreams.State now, KafkaStreams.State before) {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.println("restored " + (ended.get() - began.get()));
            }
        }
    }

    public static void main(String[] args) throws IOException {
        Properties config = new Properties();
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[4]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, args[6]);
        if (args.length > 8) {
            config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, args[8]);
        }
        boolean inMemory = args[5].equals("memory");
        Map<Long, GenericDatumReader<GenericRecord>> readers = readers(Path.of(args[7]));
        Topology topology = new Topology();
        topology.addSource(
                "events",
                Serdes.String().deserializer(),
                Serdes.ByteArray().deserializer(),
                args[2]);
        topology.addProcessor("keep-carts", () -> new KeepCarts(readers), "events");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(
                        inMemory
                                ? Stores.inMemoryKeyValueStore("carts")
                                : Stores.persistentKeyValueStore("carts"),
                        Serdes.String(),
                        Serdes.ByteArray()),
                "keep-carts");
        topology.addSink(
                "snapshots",
                args[3],
                Serdes.String().serializer(),
                Serdes.ByteArray().serializer(),
                "keep-carts");
        KafkaStreams streams = new KafkaStreams(topology, config);
        Restored restored = new Restored();
        streams.setGlobalStateRestoreListener(restored);
        streams.setStateListener(restored);
        Runtime.getRuntime()
                .addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }

    private static Map<Long, GenericDatumReader<GenericRecord>> readers(Path schemas)
            throws IOException {
        Map<Long, GenericDatumReader<GenericRecord>> readers = new HashMap<>();
        Schema.Parser parser = new Schema.Parser();
        for (String common : List.of("Money", "Campaign")) {
            parser.parse(Files.readString(schemas.resolve("common/" + common + ".avsc")));
        }
        for (String name : List.of("CartItemAdded", "CartItemQuantitySet", "CartItemRemoved")) {
            Path file = schemas.resolve("events/cart/" + name + ".avsc");
            Schema schema = parser.parse(Files.readString(file));
            readers.put(
                    SchemaNormalization.parsingFingerprint64(schema),
                    new GenericDatumReader<>(schema));
        }
        return readers;
    }
}
