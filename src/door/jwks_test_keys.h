/* Two key pairs made for tests, what was signed with them (until 2026-01-01T01:00:00Z), and documents that publish them. */
static const char token_a[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJ1IiwiZXhwIjoxNzY3MjI5MjAwfQ.tqb6tD6_zOMz6EukLmiWr7unqY"
    "f2jx6P5qqrN1z0EZSanJb_qa6S56i8ZYmoSRWonzq-kK1YM8S2vzcNP83Dmg";
static const char token_b[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImIifQ.eyJzdWIiOiJ1IiwiZXhwIjoxNzY3MjI5MjAwfQ.wc0dCFGKYQskNgcSXR5raBWFSe"
    "EUodwJlBnTIIKB5l4tnWyju4SLjiRTF4tWx7mBTUekCPcVLQSjxeEpbv2jog";
static const char token_hs[] =
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJ1IiwiZXhwIjoxNzY3MjI5MjAwfQ.AAAA";
static const char token_none[] =
    "eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.eyJzdWIiOiJ1IiwiZXhwIjoxNzY3MjI5MjAwfQ.AAAA";
static const char document_a[] =
    "{\"keys\":[{\"kty\":\"EC\",\"x\":\"69U29PGEKbIIxQFxU3gu0EEkFCGdxqukDJ13KUb8up0\",\"y\":\"4SJ9qlgEgDYcX2J5q72d5AmN"
    "BofRmFCdM4k86-JIrcM\",\"crv\":\"P-256\",\"kid\":\"a\",\"alg\":\"ES256\",\"use\":\"sig\"}]}";
static const char document_b[] =
    "{\"keys\":[{\"kty\":\"EC\",\"x\":\"uAPmpTiMs64SFeJvImsCeNp8MDUfZBM61bOVJxyTL5Y\",\"y\":\"Cyrj0fx8KWwg40MWmkawghTw"
    "yyf77XXq9A_7HaONzu4\",\"crv\":\"P-256\",\"kid\":\"b\",\"alg\":\"ES256\",\"use\":\"sig\"}]}";
static const char document_ab[] =
    "{\"keys\":[{\"kty\":\"EC\",\"x\":\"69U29PGEKbIIxQFxU3gu0EEkFCGdxqukDJ13KUb8up0\",\"y\":\"4SJ9qlgEgDYcX2J5q72d5AmN"
    "BofRmFCdM4k86-JIrcM\",\"crv\":\"P-256\",\"kid\":\"a\",\"alg\":\"ES256\",\"use\":\"sig\"},{\"kty\":\"EC\",\"x\":\"uAPmpTiMs64"
    "SFeJvImsCeNp8MDUfZBM61bOVJxyTL5Y\",\"y\":\"Cyrj0fx8KWwg40MWmkawghTwyyf77XXq9A_7HaONzu4\",\"crv\":\"P-256\",\"k"
    "id\":\"b\",\"alg\":\"ES256\",\"use\":\"sig\"}]}";

