// Signs in at the simulated Amazon: follows the vendor's page back to us, as a browser does.
export const AMAZON = '/api/v1/integrations/amazon';

// The vendor's page answers with a redirect to our callback: gives that address' path and query.
export async function consent(authUrl) {
  const reply = await fetch(authUrl, { redirect: 'manual' });
  if (reply.status !== 302) throw new Error(`the vendor's page answered ${reply.status}: ${await reply.text()}`);
  const back = new URL(reply.headers.get('location'));
  return back.pathname + back.search;
}
