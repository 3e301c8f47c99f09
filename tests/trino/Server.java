/** One process that is coordinator and worker at once. */
public class Server {
    public static void main(String[] arguments) {
        new io.trino.server.Server().start(arguments[0]);
    }
}
