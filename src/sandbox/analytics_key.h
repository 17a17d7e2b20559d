/*
 * The key of the simulated service account: made for this file, known to everybody, good for nothing else.
 *
 * As a member of a JSON text that stands inside another JSON text, and the public half as the vendor would keep it.
 */
#ifndef TIDEMARK_SANDBOX_ANALYTICS_KEY_H
#define TIDEMARK_SANDBOX_ANALYTICS_KEY_H

#define GA_CLIENT_EMAIL "reports@simulated.example"
/* clang-format off */
#define GA_PRIVATE_KEY \
    "-----BEGIN PRIVATE KEY-----\\\\n" \
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDRMoinU/mQzNjh\\\\n" \
    "drjVsCXMQ52bED3EEwX8yRkFNNpFNk1rHm5dwdD27eUdGKl7S89X8a1DC+WmeJq4\\\\n" \
    "8UfryEG3leKEuF4Vm5c6UPHE/82WE7ITXEh1EKxuDM1ukb6qHolxDGOIO0FEBKKY\\\\n" \
    "XM3y7MkvTgMP6VGkjwNhNe8v4Xt1S9KOxwEsKM215wpJgH5rYvgYceF7D8bWBhbr\\\\n" \
    "FymW8Dve0DmUvAoCNIQG6i9tjqbvkt3o1wjguvKYNWCL5K/3e2r4uyIYYQtXHqWh\\\\n" \
    "U6RHZfmDyxAPbnEmnDrd5wRxzXNg++O5X9tUr7HQsCM0k9gBgXYbuwDdxgp3SZmE\\\\n" \
    "V4LC6MHlAgMBAAECggEAKjF9TvR4vEwYvUbPCmh8AyorFlys/IhSt5TO21Y45OdK\\\\n" \
    "L54EaBwgm8FJKfhwrInSkNwRlFmIsO4X1M/zb9qk6JSOSrMN5OFMG+q6DMAEVO31\\\\n" \
    "h4KgKZ5ajNq/r3qtYE4G7hpv08kRxZiCu+TR9BpujIA5TWMDgMOIjLmOW9OobTRn\\\\n" \
    "cmOOlaR5pDA7R4VDSQUWZkUk69wUNEW8HG+06idKnDkhbkHuTn90nTezAp/Wc1Z3\\\\n" \
    "1dOqp3YYuEmlZIvGR1BYI77MIoXrjpkYFI1bBxTYoO6sf+5Imm3o8whxsupWBC7/\\\\n" \
    "+5jYtv8JZTmmMMI+obXKFJHHAvf+dA9ui2z3PtR2eQKBgQD49dmHqnd9Aj2FM1qO\\\\n" \
    "myb9qY/UHiGac4InBYmUbfnslbmQy9ZqFNmMF2bk8VysJVkaStXoBFqSE942/Jwk\\\\n" \
    "kXToydiGOjlaqyy4s4U0xt4xBBkxG5ycDeIra7lTPey8pxQ/g9gFAzS7cUOfrGCN\\\\n" \
    "yGLVaRKtQEZ27UN8KbT6SkRtPQKBgQDXHNoRuoi7Dum8trwr7uyM3IAUZyRGOTdR\\\\n" \
    "aXEvAD0bKdDI0fkhjFIe0RECtr6/mHzM2r6gccPbl7mKCJOhK5yXJXgYvHg6F0yT\\\\n" \
    "LH/HdFTfXvGkuRfKcMZGEADpK+/DbQMWGcVmO98Sx4CM/qL7hA68dqQ1o8hq8I+K\\\\n" \
    "wc70BWTByQKBgEIaPPTZnTpS8vTACuZcacDmWasPiQqSatdjkAEaJkbcBlZc2QR3\\\\n" \
    "nr+kowxczadjj0H85sjhBw9MOS9OaUMIYAtDNLuHEB1z377244J83xgSp4GzfCSv\\\\n" \
    "RwMSajWg9o+sqSKoJh5GmKTAUR0/Tq+2qg9SA8R+kXcYTlfUVxoxx/NdAoGAPfJw\\\\n" \
    "FjTqlTvZMeBJ1jkK5BHHzJhbSOHHPWmpD4j5D+590qctIG0hZQB97pMj4VcPcYr4\\\\n" \
    "5Il+hqlt5ANOSFaf1KMUr8LuuIPnKGbjMVQd8OmNmws2f7T0VE7dhEiD1np5Lg8j\\\\n" \
    "2qoZNnY/Xdsiol3IRJvB9DSDTdCS9bmUWI+JEYkCgYEA7COllc4dgSeTl5f2yT39\\\\n" \
    "nfPAKn+cI3olpSFDBRFaYWjRGcFvQUL3Yz7zkeg3qvAymqERlzhXRbEACzxdPK4A\\\\n" \
    "cUJrlXNmQf/dtndUPnmE5WZp6EXJj5RQxknEGOBjlSO3S7ouxbgiqz6TsMrmXFle\\\\n" \
    "rOtMl2xwUxcbaj5C6KQI+7A=\\\\n" \
    "-----END PRIVATE KEY-----\\\\n"
#define GA_JWKS \
    "{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"RS256\",\"use\":\"sig\",\"e\":\"AQAB\",\"n\":\"" \
    "0TKIp1P5kMzY4Xa41bAlzEOdmxA9xBMF_MkZBTTaRTZNax5uXcHQ9u3lHRipe0vPV_GtQwvlpniauPFH68hBt5XihL" \
    "heFZuXOlDxxP_NlhOyE1xIdRCsbgzNbpG-qh6JcQxjiDtBRASimFzN8uzJL04DD-lRpI8DYTXvL-F7dUvSjscBLCjN" \
    "tecKSYB-a2L4GHHhew_G1gYW6xcplvA73tA5lLwKAjSEBuovbY6m75Ld6NcI4LrymDVgi-Sv93tq-LsiGGELVx6loV" \
    "OkR2X5g8sQD25xJpw63ecEcc1zYPvjuV_bVK-x0LAjNJPYAYF2G7sA3cYKd0mZhFeCwujB5Q" \
    "\"}]}"
/* clang-format on */

#endif
