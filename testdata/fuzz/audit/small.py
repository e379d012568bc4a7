x = []
@app.route("/")
def f(a, b=[]):
    global x
    for k, v in x.items():
        with open(a) as h:
            b.append(lambda: [k])
    try:
        x += b
    finally:
        del x[0], b
# leakline: bounded by 3, three
