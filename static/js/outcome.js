// What became of a request. htmx calls every answer that it swaps successful, refusals (409, 422) among them; so its
// word is not asked. A redirect to the sign-in page has the status 200 and records nothing.
export function isAccepted({ xhr }) {
  return Boolean(xhr) && xhr.status >= 200 && xhr.status < 400 && !isSignedOut({ xhr });
}

export const isSignedOut = ({ xhr }) => Boolean(xhr?.getResponseHeader("HX-Redirect"));

// The page is left or loaded again, with nothing recorded: the session had ended, or a later sign-in made its token old.
export const isInterrupted = ({ xhr }) => isSignedOut({ xhr }) || Boolean(xhr?.getResponseHeader("HX-Refresh"));
