import json


@profile(precision=4)
def track_user_behavior(request):
    body = json.loads(request)
	# a tab, in a line that never runs
    user_id = body["user_id"]
    for event in body["events"]:
        EVENT_CACHE.append({"user_id": user_id, "event": event})  # naïve: nothing is ever removed – 漏れ

    return {"status": "success"}
