import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;
import org.testcontainers.utility.DockerImageName;

@Testcontainers
class FakeApimartTest {
  /** One server for all tests: each test has a world of its own on it, by its key. */
  @Container
  static final GenericContainer<?> SERVER =
      new GenericContainer<>(DockerImageName.parse("ghcr.io/fake-apimart/fake-apimart:0.1.0"))
          .withExposedPorts(8080)
          .waitingFor(Wait.forHttp("/_fake/ready"));

  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final String PICTURE = "GIF89a\u0001\0\u0001\0\0\0\0;";

  private final String key = "sk-fake-" + UUID.randomUUID();

  private static String url() {
    return "http://" + SERVER.getHost() + ":" + SERVER.getMappedPort(8080);
  }

  private HttpResponse<String> send(String method, String path, String type, String body)
      throws Exception {
    URI uri = URI.create(path.startsWith("http") ? path : url() + path);
    HttpRequest request =
        HttpRequest.newBuilder(uri)
            .header("Authorization", "Bearer " + key)
            .header("Content-Type", type)
            .method(method, BodyPublishers.ofString(body, ISO_8859_1))
            .build();
    return HTTP.send(request, BodyHandlers.ofString());
  }

  /** Calls the control API about the world of this test's key. */
  private String control(String method, String path, String json) throws Exception {
    HttpResponse<String> answer = send(method, "/_fake/" + path, "application/json", json);
    assertEquals(200, answer.statusCode(), answer.body());
    return answer.body();
  }

  private HttpResponse<String> upload() throws Exception {
    String head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.gif\"\r\n\r\n";
    String form = head + PICTURE + "\r\n--b--\r\n";
    return send("POST", "/v1/uploads/images", "multipart/form-data; boundary=b", form);
  }

  private static String urlIn(String answer) {
    return answer.replaceAll(".*\"url\":\"([^\"]*)\".*", "$1");
  }

  @Test
  void uploadIsKept() throws Exception {
    assertEquals(200, upload().statusCode());
    assertTrue(control("GET", "uploads", "").contains("\"filename\":\"a.gif\""));
  }

  @Test
  void failsTwiceThenSucceeds() throws Exception {
    control("POST", "faults", "{\"operation\":\"uploads.create\",\"error\":\"rate_limited\",\"times\":2}");
    assertEquals(429, upload().statusCode());
    assertEquals(429, upload().statusCode());
    assertEquals(200, upload().statusCode());
  }

  @Test
  void urlDiesAfter72Hours() throws Exception {
    String url = urlIn(upload().body());
    assertEquals(200, send("GET", url, "text/plain", "").statusCode());
    control("POST", "clock", "{\"advance\":\"73h\"}");
    assertEquals(403, send("GET", url, "text/plain", "").statusCode());
  }

  @Test
  void whatWasSentIsKnown() throws Exception {
    upload();
    String requests = control("GET", "requests?operation=uploads.create", "");
    assertTrue(requests.contains("\"status\":200"));
  }
}
