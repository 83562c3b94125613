"""A bot on nextcord, py-cord or disnake, run in an environment that has that library alone.

python other_library_bot.py LIBRARY API_URL GATEWAY_URL TOKEN
"""

import importlib
import sys

library, api_url, gateway_url, token = sys.argv[1:]
package = {"py-cord": "discord"}.get(library, library)
discord = importlib.import_module(package)
http = importlib.import_module(f"{package}.http")
gateway = importlib.import_module(f"{package}.gateway")
commands = importlib.import_module(f"{package}.ext.commands")

http.Route.BASE = http.Route.API_BASE_URL = api_url
if hasattr(gateway.DiscordWebSocket, "DEFAULT_GATEWAY"):
    yarl = importlib.import_module("yarl")
    gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)

intents = discord.Intents.default()
intents.message_content = True
bot = commands.Bot(command_prefix="!", intents=intents)


@bot.command()
async def hello(ctx):  # type: ignore[no-untyped-def]
    message = await ctx.send("hello")
    await message.edit(content="hello, edited")


async def ping(interaction):  # type: ignore[no-untyped-def]
    await (interaction.respond if library == "py-cord" else interaction.send)("pong")


bot.slash_command(name="ping", description="answers")(ping)
bot.run(token)
