// A small HTTP service that keeps an array of 1,000 bytes for each request: java JavaService PORT leak|bounded. bounded: the newest 5,000.
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.concurrent.Executors;

public class JavaService {
    private static final ArrayDeque<byte[]> kept = new ArrayDeque<>();

    private static synchronized void keep(boolean bounded) {
        kept.add(new byte[1000]);
        if (bounded && kept.size() > 5000) kept.poll();
    }

    public static void main(String[] arguments) throws Exception {
        boolean bounded = arguments[1].equals("bounded");
        int port = Integer.parseInt(arguments[0]);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 512);
        byte[] answer = "ok".getBytes();
        server.createContext("/", exchange -> {
            keep(bounded);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }
}
