package org.marrowcds.hapi;

import ca.uhn.fhir.jpa.subscription.async.AsyncResourceModifiedSubmitterSvc;
import ca.uhn.fhir.rest.server.RestfulServer;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * Serves FHIR R4 at {@code http://127.0.0.1:PORT/fhir} until it is told to end.
 *
 * <p>Arguments: the port, and optionally the id of a process; when that process has ended, the server ends too.
 */
public final class FhirServer {

    private static final Logger LOG = LoggerFactory.getLogger(FhirServer.class);
    private static final long TICK_MILLISECONDS = 250;

    private FhirServer() {}

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        ScheduledExecutorService clock = Executors.newScheduledThreadPool(2, FhirServer::daemon);
        if (arguments.length > 1) {
            long owner = Long.parseLong(arguments[1]);
            clock.scheduleWithFixedDelay(() -> endAfter(owner), 0, TICK_MILLISECONDS, TimeUnit.MILLISECONDS);
        }
        AnnotationConfigApplicationContext beans = new AnnotationConfigApplicationContext(ServerConfig.class);
        AsyncResourceModifiedSubmitterSvc changes = beans.getBean(AsyncResourceModifiedSubmitterSvc.class);
        clock.scheduleWithFixedDelay(() -> notify(changes), 0, TICK_MILLISECONDS, TimeUnit.MILLISECONDS);
        ServletContextHandler handler = new ServletContextHandler();
        handler.setContextPath("/");
        handler.addServlet(new ServletHolder(beans.getBean(RestfulServer.class)), "/fhir/*");
        Server server = new Server(new InetSocketAddress("127.0.0.1", port));
        server.setHandler(handler);
        server.start();
        server.join();
    }

    /** A test run that was killed cannot stop its server. */
    private static void endAfter(long owner) {
        if (!ProcessHandle.of(owner).map(ProcessHandle::isAlive).orElse(false)) {
            Runtime.getRuntime().halt(0);
        }
    }

    /** Subscriptions hear of a change at once, not at the next of HAPI's own rounds, five seconds apart. */
    private static void notify(AsyncResourceModifiedSubmitterSvc changes) {
        try {
            changes.runDeliveryPass();
        } catch (RuntimeException failure) {
            // An exception would end the schedule; the change is still stored and goes out in the next round.
            LOG.warn("Changes were not passed on to subscriptions", failure);
        }
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }
}
