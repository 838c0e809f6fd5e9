package weft.metrics;

import com.sun.net.httpserver.HttpServer;

import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

/// One process's meters at `http://<address>/metrics`, in the Prometheus text form.
public final class MetricsPage implements AutoCloseable {
    private final PrometheusMeterRegistry registry =
            new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JvmGcMetrics gcMetrics = new JvmGcMetrics();
    private final HttpServer server;

    private MetricsPage(HttpServer server) {
        this.server = server;
    }

    /// Serves the page.
    ///
    /// @param address where to listen; port 0 takes a free one
    /// @throws IOException if the address is not to be had
    public static MetricsPage serve(InetSocketAddress address) throws IOException {
        HttpServer server = HttpServer.create(address, 16);
        var page = new MetricsPage(server);
        new JvmMemoryMetrics().bindTo(page.registry);
        new ProcessorMetrics().bindTo(page.registry);
        page.gcMetrics.bindTo(page.registry);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext(
                "/metrics",
                exchange -> {
                    byte[] text = page.registry.scrape().getBytes(StandardCharsets.UTF_8);
                    exchange.getResponseHeaders()
                            .set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
                    exchange.sendResponseHeaders(200, text.length);
                    try (var body = exchange.getResponseBody()) {
                        body.write(text);
                    }
                });
        server.start();
        return page;
    }

    /// Where the process's meters are registered.
    public PrometheusMeterRegistry registry() {
        return registry;
    }

    /// The address the page is served at.
    public InetSocketAddress address() {
        return server.getAddress();
    }

    @Override
    public void close() {
        server.stop(0);
        gcMetrics.close();
        registry.close();
    }
}
